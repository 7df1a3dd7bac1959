// SPDX-License-Identifier: Apache-2.0
//
// What a table says of itself; also all that planning needs, so a copy stands in the manifest.
#pragma once

#include <cstdint>
#include <string>

#include "base/strong_id.h"

namespace firn {

struct TableProperties {
  std::uint64_t entry_count = 0;
  std::uint64_t tombstone_count = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t block_count = 0;
  std::uint64_t filter_bits = 0;
  std::uint64_t file_bytes = 0;
  SequenceNumber smallest_sequence;
  SequenceNumber largest_sequence;
  std::string smallest_key;  // Both empty when there are no entries.
  std::string largest_key;

  friend bool operator==(const TableProperties&, const TableProperties&) = default;
};

}  // namespace firn
