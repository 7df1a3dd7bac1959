// SPDX-License-Identifier: Apache-2.0
#include "storage/version/table_meta.h"

#include <algorithm>
#include <charconv>

namespace firn {
namespace {

constexpr std::string_view kSuffix = ".sst";

// Takes a decimal number off the front of `text`.
std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::string Describe(const TableName& name) {
  std::string digits = std::to_string(name.number.value);
  digits.insert(0, digits.size() < 3 ? 3 - digits.size() : 0, '0');
  return "L" + std::to_string(name.birth_level) + "_" + digits + std::string(kSuffix);
}

std::optional<TableName> ParseTableName(std::string_view file_name) {
  std::string_view rest = file_name;
  if (!rest.starts_with('L') || !rest.ends_with(kSuffix)) {
    return std::nullopt;
  }
  rest.remove_prefix(1);
  rest.remove_suffix(kSuffix.size());
  const auto level = TakeNumber(rest);
  if (!level || *level >= kLevelCount || !rest.starts_with('_')) {
    return std::nullopt;
  }
  rest.remove_prefix(1);
  const auto number = TakeNumber(rest);
  if (!number || !rest.empty()) {
    return std::nullopt;
  }
  const TableName name{.birth_level = static_cast<int>(*level), .number = {*number}};
  // "L0_0001.sst" is not how the number 1 is written, so it is nobody's name.
  return Describe(name) == file_name ? std::optional(name) : std::nullopt;
}

void KeyRange::Extend(const TableMeta& table) {
  if (smallest.empty() && largest.empty()) {
    smallest = table.smallest_key();
    largest = table.largest_key();
    return;
  }
  smallest = std::min<std::string_view>(smallest, table.smallest_key());
  largest = std::max<std::string_view>(largest, table.largest_key());
}

}  // namespace firn
