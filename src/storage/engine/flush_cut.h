// SPDX-License-Identifier: Apache-2.0
//
// Where a flush ends one table and begins the next: between the parts of a memtable that writers
// filled beside each other, each with keys in ascending order. Within a part sequence numbers
// ascend with the keys, and where the next one begins they fall back. One table over all parts
// would overlap whatever was loaded between them before, and merges would rewrite that again and
// again; tables of single parts overlap nothing and change level unread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/strong_id.h"

namespace firn {

class FlushCut {
 public:
  // Of a memtable with so many entries.
  explicit FlushCut(std::uint64_t entries) : run_min_(std::max(entries / kRunShare, kRunMin)) {}

  // Whether the next entry in order, with this key, begins a table. The key must hold until the one
  // after it.
  bool Before(std::string_view key, SequenceNumber sequence) {
    const bool falls = sequence < last_sequence_;
    const bool cut = falls && run_ >= run_min_ && tables_ < kTablesMax && key != last_key_;
    run_ = falls ? 1 : run_ + 1;
    tables_ += cut ? 1 : 0;
    last_sequence_ = sequence;
    last_key_ = key;
    return cut;
  }

 private:
  // Keys that come at random ascend for a few entries, never for so many.
  static constexpr std::uint64_t kRunShare = 64;
  static constexpr std::uint64_t kRunMin = 8;
  // Level 0 is merged when it has too many.
  static constexpr unsigned kTablesMax = 4;

  const std::uint64_t run_min_;
  std::uint64_t run_ = 0;  // Entries whose sequence numbers ascend, up to the last.
  unsigned tables_ = 1;
  SequenceNumber last_sequence_;
  std::string_view last_key_;
};

}  // namespace firn
