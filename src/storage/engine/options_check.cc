// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/options_check.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;

constexpr std::uint64_t kLevel0Memtables = 8;
// Level 1 is rewritten whole, deeper ones where the least is in the way, which costs about half as
// much for the same ratio: so this one is smaller.
constexpr std::uint64_t kLevel1Ratio = 2;

Error Bad(std::string_view option, const std::string& why) {
  return {ErrorCode::kInvalidArgument, "option " + std::string(option) + " " + why};
}

struct Range {
  std::string_view option;
  std::uint64_t value;
  std::uint64_t min;
  std::uint64_t max;
};

Result<void> CheckRange(const Range& range) {
  if (range.value >= range.min && range.value <= range.max) {
    return {};
  }
  return Bad(range.option, "is " + std::to_string(range.value) + ", allowed are " +
                               std::to_string(range.min) + " to " + std::to_string(range.max));
}

Result<void> CheckCombinations(const Options& options) {
  if (options.read_only && options.error_if_exists) {
    return Bad("read_only", "contradicts error_if_exists");
  }
  if (options.create_if_missing == false && options.error_if_exists) {
    return Bad("error_if_exists", "contradicts create_if_missing off: nothing could be opened");
  }
  if (!options.wal && options.durability == Durability::kDisk) {
    return Bad("durability", "cannot be kDisk with wal off");
  }
  if (options.memtable_bytes > options.memory_budget_bytes / 4) {
    return Bad("memtable_bytes", "is " + std::to_string(options.memtable_bytes) +
                                     ", more than a quarter of memory_budget_bytes " +
                                     std::to_string(options.memory_budget_bytes));
  }
  return {};
}

}  // namespace

Result<void> CheckOptions(const Options& options) {
  const Range ranges[] = {
      {"memory_budget_bytes", options.memory_budget_bytes, 64 << 10, std::uint64_t{1} << 44},
      {"memtable_bytes", options.memtable_bytes, 1 << 10, std::uint64_t{4} << 30},
      {"block_bytes", options.block_bytes, 1 << 10, kMebi},
      {"bloom_bits_per_key", options.bloom_bits_per_key, 0, 32},
      {"table_bytes", options.table_bytes, 4 << 10, 1024 * kMebi},
      {"level0_tables_max", options.level0_tables_max, 1, 1000},
      {"level_ratio", options.level_ratio, 2, 100},
      {"durability", static_cast<std::uint64_t>(options.durability), 0, 1},
      {"wal_append", static_cast<std::uint64_t>(options.wal_append), 0, 2},
      {"compression", static_cast<std::uint64_t>(options.compression), 0, 2},
      {"sync_interval", static_cast<std::uint64_t>(options.sync_interval.count()), 0, 3'600'000},
  };
  for (const Range& range : ranges) {
    FIRN_TRY(CheckRange(range));
  }
  return CheckCombinations(options);
}

LevelLimits LimitsOf(const Options& options) {
  const std::uint64_t level0_bytes =
      options.level0_bytes_max != 0
          ? options.level0_bytes_max
          : std::max(80 * kMebi, kLevel0Memtables * options.memtable_bytes);
  const std::uint64_t level1_bytes =
      options.level1_bytes_max != 0 ? options.level1_bytes_max : kLevel1Ratio * level0_bytes;
  return {.level0_tables_max = options.level0_tables_max,
          .level0_bytes_max = level0_bytes,
          .level1_bytes_max = level1_bytes,
          .ratio = options.level_ratio};
}

}  // namespace firn
