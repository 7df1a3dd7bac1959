// SPDX-License-Identifier: Apache-2.0
//
// What the manifest says of a table: its name and all that planning a read or a compaction needs,
// so that opening a database opens no table.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong_id.h"
#include "storage/table/table.h"

namespace firn {

inline constexpr int kLevelCount = 7;

// The name of a table file: the level it was written for, which it keeps when it is moved down
// unread, and a number that no other table of the database ever has.
struct TableName {
  int birth_level = 0;
  TableNumber number;

  friend auto operator<=>(const TableName&, const TableName&) = default;
};

// "L0_001.sst"
std::string Describe(const TableName& name);
// The name in such a file name; nothing for any other.
std::optional<TableName> ParseTableName(std::string_view file_name);

struct TableMeta {
  TableName name;
  TableProperties properties;

  bool empty() const { return properties.entry_count == 0; }
  std::uint64_t bytes() const { return properties.file_bytes; }
  std::string_view smallest_key() const { return properties.smallest_key; }
  std::string_view largest_key() const { return properties.largest_key; }
};

// Keys in [smallest, largest], both included.
struct KeyRange {
  std::string smallest;
  std::string largest;

  bool Overlaps(const TableMeta& table) const {
    return !(table.largest_key() < smallest || largest < table.smallest_key());
  }
  void Extend(const TableMeta& table);
};

}  // namespace firn
