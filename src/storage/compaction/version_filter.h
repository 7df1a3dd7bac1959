// SPDX-License-Identifier: Apache-2.0
//
// Decides which versions of a key a flush or compaction has to keep. A version is needed while some
// reader can see it: an open snapshot, or the latest state. Between two neighbouring readers only
// the newest version counts. A tombstone that every reader sees may go when nothing older of its
// key can lie below (docs/invariants.md I-C1, I-C2).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "storage/entry.h"

namespace firn {

class VersionFilter {
 public:
  // `readers`: sequences of all open snapshots and, last, the latest published one; ascending.
  // Versions above the last are too new to judge and always kept.
  explicit VersionFilter(std::vector<SequenceNumber> readers) : readers_(std::move(readers)) {}

  // Whether to keep the entry. Entries must come in entry order. `nothing_below`: no table deeper
  // than the output can hold the key.
  template <typename NothingBelow>
  bool Keep(const Entry& entry, NothingBelow&& nothing_below) {
    const bool same_key = has_key_ && entry.key == key_;
    if (!same_key) {
      key_.assign(entry.key);
      has_key_ = true;
    }
    const std::size_t reader = OldestReaderOf(entry.sequence);
    if (same_key && reader == last_reader_ && reader < readers_.size()) {
      return false;  // The version before hides this one from every reader that could see it.
    }
    last_reader_ = reader;
    return entry.kind != Kind::kDelete || reader != 0 || !nothing_below(entry.key);
  }

 private:
  // Index of the first reader that sees `sequence`; readers_.size() when none does yet.
  std::size_t OldestReaderOf(SequenceNumber sequence) const {
    if (readers_.size() == 1) {
      return sequence <= readers_.front() ? 0 : 1;
    }
    return static_cast<std::size_t>(std::ranges::lower_bound(readers_, sequence) -
                                    readers_.begin());
  }

  std::vector<SequenceNumber> readers_;
  std::string key_;
  bool has_key_ = false;
  std::size_t last_reader_ = 0;
};

}  // namespace firn
