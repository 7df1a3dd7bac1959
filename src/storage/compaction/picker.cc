// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/picker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace firn {
namespace {

// Bytes that a merge for which there is no need may have read for each that it brings: of level 0,
// what goes further down because of it included, and of a deeper level.
constexpr std::uint64_t kIdleLevel0CostMax = 10;
constexpr std::uint64_t kIdleDeepCostMax = 8;

// As a multiple of its share: above it level 0 waits.
constexpr double kLevel1FullnessMax = 4;

std::uint64_t BytesOf(const TableList& tables) {
  std::uint64_t bytes = 0;
  for (const auto& table : tables) {
    bytes += table->meta().bytes();
  }
  return bytes;
}

KeyRange RangeOf(const TableList& tables) {
  KeyRange range;
  for (const auto& table : tables) {
    range.Extend(table->meta());
  }
  return range;
}

bool OverlapsAny(const TableList& tables, const TableFile& candidate) {
  const KeyRange range = [&candidate] {
    KeyRange own;
    own.Extend(candidate.meta());
    return own;
  }();
  return std::ranges::any_of(tables, [&](const auto& table) {
    return table.get() != &candidate && range.Overlaps(table->meta());
  });
}

// Completes a plan whose inputs are chosen.
CompactionPlan Finish(const Version& version, std::vector<CompactionInput> inputs,
                      int target_level) {
  std::erase_if(inputs, [](const CompactionInput& input) { return input.tables.empty(); });
  CompactionPlan plan;
  plan.inputs = std::move(inputs);
  plan.target_level = target_level;
  if (target_level + 1 < kLevelCount) {
    plan.grandparents = version.Overlapping(target_level + 1, plan.range());
  }
  if (plan.inputs.front().level == 0) {
    plan.empty_tables = version.empty_tables();
  }
  return plan;
}

// The tables of level 0 that overlap neither each other nor level 1: sequential fills make them.
std::optional<CompactionPlan> MoveIsolated(const Version& version, const BusyTables& busy) {
  const TableList& level0 = version.level0_newest_first();
  TableList isolated;
  for (const auto& table : level0) {
    if (!busy.contains(table->meta().name.number) && !OverlapsAny(level0, *table) &&
        !OverlapsAny(version.tables(1), *table)) {
      isolated.push_back(table);
    }
  }
  if (isolated.empty()) {
    return std::nullopt;
  }
  CompactionPlan plan = Finish(version, {{.level = 0, .tables = std::move(isolated)}}, 1);
  plan.trivial_move = true;
  return plan;
}

// All of level 0 at once: leaving an old table behind would put newer data below it.
std::optional<CompactionPlan> MergeLevel0(const Version& version, const BusyTables& busy) {
  const TableList& level0 = version.level0_newest_first();
  CompactionPlan plan = Finish(version,
                               {{.level = 0, .tables = level0},
                                {.level = 1, .tables = version.Overlapping(1, RangeOf(level0))}},
                               1);
  return IsBlocked(plan, busy) ? std::nullopt : std::optional(std::move(plan));
}

// One table of a sorted level with what it overlaps in the next.
CompactionPlan PlanTable(const Version& version, int level,
                         const std::shared_ptr<const TableFile>& table) {
  KeyRange range;
  range.Extend(table->meta());
  TableList below = version.Overlapping(level + 1, range);
  const bool trivial_move = below.empty();
  CompactionPlan plan = Finish(
      version,
      {{.level = level, .tables = {table}}, {.level = level + 1, .tables = std::move(below)}},
      level + 1);
  plan.trivial_move = trivial_move;
  return plan;
}

// About how many bytes of the target level the tombstones above it delete, if each meets an entry.
std::uint64_t BytesDeletedBy(const CompactionPlan& plan) {
  std::uint64_t tombstones = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  for (const CompactionInput& input : plan.inputs) {
    for (const auto& table : input.tables) {
      if (input.level < plan.target_level) {
        tombstones += table->meta().properties.tombstone_count;
      } else {
        bytes += table->meta().bytes();
        entries += table->meta().properties.entry_count;
      }
    }
  }
  const double each =
      static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(entries, 1));
  return static_cast<std::uint64_t>(each * static_cast<double>(std::min(tombstones, entries)));
}

// Bytes that have to be compacted before no level from `level` on, at least 1, is too full, when
// `arriving` bytes have come into it.
std::uint64_t DebtFrom(const Version& version, int level, std::uint64_t arriving,
                       const LevelLimits& limits) {
  std::uint64_t debt = 0;
  for (; level + 1 < kLevelCount; ++level) {
    const std::uint64_t held = version.bytes(level) + arriving;
    if (held <= limits.MaxBytes(level)) {
      break;
    }
    arriving = held - limits.MaxBytes(level);
    // Each byte passed down rewrites its share of the next level.
    const double share = static_cast<double>(arriving) / static_cast<double>(held);
    debt += arriving +
            static_cast<std::uint64_t>(share * static_cast<double>(version.bytes(level + 1)));
  }
  return debt;
}

// The table whose move costs the fewest bytes rewritten below for each byte moved; among equals the
// first in key order.
std::optional<CompactionPlan> PickTable(const Version& version, int level, const BusyTables& busy) {
  std::optional<CompactionPlan> best;
  double best_cost = 0;
  for (const auto& table : version.tables(level)) {
    CompactionPlan plan = PlanTable(version, level, table);
    if (IsBlocked(plan, busy)) {
      continue;
    }
    const double cost = static_cast<double>(plan.input_bytes()) /
                        static_cast<double>(std::max<std::uint64_t>(1, table->meta().bytes()));
    if (!best || cost < best_cost) {
      best = std::move(plan);
      best_cost = cost;
    }
  }
  return best;
}

}  // namespace

std::uint64_t LevelLimits::MaxBytes(int level) const {
  if (level == 0) {
    return level0_bytes_max;
  }
  std::uint64_t bytes = level1_bytes_max;
  for (int i = 1; i < level && bytes < UINT64_MAX / ratio; ++i) {
    bytes *= ratio;
  }
  return bytes;
}

std::uint64_t CompactionPlan::input_bytes() const {
  std::uint64_t bytes = 0;
  for (const CompactionInput& input : inputs) {
    bytes += BytesOf(input.tables);
  }
  return bytes;
}

std::size_t CompactionPlan::input_tables() const {
  std::size_t count = 0;
  for (const CompactionInput& input : inputs) {
    count += input.tables.size();
  }
  return count;
}

KeyRange CompactionPlan::range() const {
  KeyRange range;
  for (const CompactionInput& input : inputs) {
    for (const auto& table : input.tables) {
      range.Extend(table->meta());
    }
  }
  return range;
}

double Fullness(const Version& version, int level, const LevelLimits& limits) {
  const double by_bytes =
      static_cast<double>(version.bytes(level)) / static_cast<double>(limits.MaxBytes(level));
  if (level > 0) {
    return by_bytes;
  }
  const double by_tables = static_cast<double>(version.level0_newest_first().size()) /
                           static_cast<double>(limits.level0_tables_max);
  return std::max(by_bytes, by_tables);
}

std::uint64_t CompactionDebt(const Version& version, const LevelLimits& limits) {
  if (Fullness(version, 0, limits) < 1) {
    return 0;
  }
  const std::uint64_t level0 = version.bytes(0);
  return level0 + version.bytes(1) + DebtFrom(version, 1, level0, limits);
}

bool Level0Waits(const Version& version, const LevelLimits& limits) {
  return Fullness(version, 1, limits) > kLevel1FullnessMax;
}

std::optional<CompactionPlan> PickLevel0(const Version& version, const LevelLimits& limits,
                                         const BusyTables& busy) {
  if (Fullness(version, 0, limits) < 1) {
    return std::nullopt;
  }
  if (auto move = MoveIsolated(version, busy)) {
    return move;
  }
  return Level0Waits(version, limits) ? std::nullopt : MergeLevel0(version, busy);
}

std::optional<CompactionPlan> PickIdleLevel0(const Version& version, const LevelLimits& limits,
                                             const BusyTables& busy) {
  if (version.level0_newest_first().empty()) {
    return std::nullopt;
  }
  if (auto move = MoveIsolated(version, busy)) {
    return move;
  }
  auto merge = MergeLevel0(version, busy);
  if (!merge) {
    return std::nullopt;
  }
  const std::uint64_t level0 = version.bytes(0);
  const std::uint64_t deleted = BytesDeletedBy(*merge);
  const std::uint64_t arriving = level0 - std::min(level0, deleted);
  const std::uint64_t cost = merge->input_bytes() + DebtFrom(version, 1, arriving, limits);
  return cost <= kIdleLevel0CostMax * (level0 + deleted) ? std::move(merge) : std::nullopt;
}

std::optional<CompactionPlan> PickIdleDeep(const Version& version, const BusyTables& busy) {
  for (int level = 1; level < version.deepest_level(); ++level) {
    for (const auto& table : version.tables(level)) {
      const TableProperties& about = table->meta().properties;
      if (about.tombstone_count * kIdleDeepCostMax < about.entry_count) {
        continue;  // Also spares an idle process from looking at what lies below every table.
      }
      CompactionPlan plan = PlanTable(version, level, table);
      if (plan.input_bytes() <= kIdleDeepCostMax * BytesDeletedBy(plan) && !IsBlocked(plan, busy)) {
        return plan;
      }
    }
  }
  return std::nullopt;
}

std::optional<CompactionPlan> PickDeep(const Version& version, const LevelLimits& limits,
                                       const BusyTables& busy) {
  std::vector<int> due;
  for (int level = 1; level + 1 < kLevelCount; ++level) {
    if (Fullness(version, level, limits) > 1) {
      due.push_back(level);
    }
  }
  std::ranges::sort(due, [&](int a, int b) {
    const double left = Fullness(version, a, limits);
    const double right = Fullness(version, b, limits);
    return left != right ? left > right : a < b;
  });
  for (int level : due) {
    if (auto plan = PickTable(version, level, busy)) {
      return plan;
    }
  }
  return std::nullopt;
}

std::optional<CompactionPlan> PlanLevel(const Version& version, int level) {
  FIRN_CHECK(level >= 0 && level + 1 < kLevelCount, level);
  const TableList& tables = version.tables(level);
  if (tables.empty()) {
    return std::nullopt;
  }
  return Finish(version,
                {{.level = level, .tables = tables},
                 {.level = level + 1, .tables = version.Overlapping(level + 1, RangeOf(tables))}},
                level + 1);
}

std::optional<CompactionPlan> PlanRange(const Version& version,
                                        const std::optional<KeyRange>& range) {
  std::vector<CompactionInput> inputs;
  std::optional<KeyRange> hull = range;
  int target_level = 1;
  for (int level = 0; level < kLevelCount; ++level) {
    TableList tables = hull ? version.Overlapping(level, *hull) : version.tables(level);
    if (level == 0 && !tables.empty()) {
      tables = version.tables(0);
    }
    if (tables.empty()) {
      continue;
    }
    // What is moved below a table must not be newer than what the table keeps: everything deeper
    // that meets the widened range comes along.
    if (hull) {
      for (const auto& table : tables) {
        hull->Extend(table->meta());
      }
    }
    inputs.push_back({.level = level, .tables = std::move(tables)});
    target_level = std::max(1, level);
  }
  if (inputs.empty()) {
    return std::nullopt;
  }
  return Finish(version, std::move(inputs), target_level);
}

bool IsBlocked(const CompactionPlan& plan, const BusyTables& busy) {
  return std::ranges::any_of(plan.inputs, [&busy](const CompactionInput& input) {
    return std::ranges::any_of(input.tables, [&busy](const auto& table) {
      return table->damaged() || busy.contains(table->meta().name.number);
    });
  });
}

std::string Describe(const CompactionPlan& plan) {
  std::string text = plan.trivial_move ? "move " : "";
  for (const CompactionInput& input : plan.inputs) {
    if (&input != &plan.inputs.front()) {
      text += " + ";
    }
    text += "L" + std::to_string(input.level) + ":";
    for (const auto& table : input.tables) {
      text += " " + std::to_string(table->meta().name.number.value);
    }
  }
  text += " -> L" + std::to_string(plan.target_level);
  for (const auto& table : plan.grandparents) {
    text += table == plan.grandparents.front() ? ", cut at" : "";
    text += " " + std::to_string(table->meta().name.number.value);
  }
  return text;
}

}  // namespace firn
