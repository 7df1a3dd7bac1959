// SPDX-License-Identifier: Apache-2.0
//
// Decides what to compact. Everything here is a pure function of a Version and the limits of the
// levels: no clock, no I/O, no state kept between calls, so that every decision is a line in a
// golden test. Leveled compaction after LevelDB and RocksDB: level 0 is merged when it has too many
// tables or bytes, a deeper level when it holds more than its share, one table of it at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/strong_id.h"
#include "storage/version/version.h"

namespace firn {

struct LevelLimits {
  unsigned level0_tables_max = 12;
  std::uint64_t level0_bytes_max = 0;
  std::uint64_t level1_bytes_max = 0;
  unsigned ratio = 10;  // Of level 2 to level 1, and so on down.

  // Bytes above which `level` is compacted.
  std::uint64_t MaxBytes(int level) const;
};

struct CompactionInput {
  int level = 0;
  TableList tables;  // In the level's order.
};

struct CompactionPlan {
  std::vector<CompactionInput> inputs;  // Shallowest level first, levels without tables left out.
  int target_level = 0;
  // No input overlaps another or anything in the target: the tables change level unread.
  bool trivial_move = false;
  TableList grandparents;  // Of the level below the target, in key order: where outputs are cut.
  TableList empty_tables;  // Listed tables without entries, which go away with the inputs.

  std::uint64_t input_bytes() const;
  std::size_t input_tables() const;
  KeyRange range() const;
};

// Tables that a running job reads: no other job may have them.
using BusyTables = std::unordered_set<TableNumber>;

// How full a level is: at 1 it is due. Level 0 counts tables and bytes, whichever is worse.
double Fullness(const Version& version, int level, const LevelLimits& limits);

// Bytes that have to be compacted before no level is too full; a measure of how far behind
// compaction is.
std::uint64_t CompactionDebt(const Version& version, const LevelLimits& limits);

// Whether level 1 is so full that it has to go down before level 0 is merged into it: a merge would
// read all of it, and nothing could go down meanwhile.
bool Level0Waits(const Version& version, const LevelLimits& limits);

// The next job from level 0 into level 1, or nothing: not due, its tables are busy or damaged, or
// it waits.
std::optional<CompactionPlan> PickLevel0(const Version& version, const LevelLimits& limits,
                                         const BusyTables& busy);

// What is worth doing while nobody writes. From level 0 into level 1 before it is full, so that
// reads find one sorted run instead of many tables; from a deeper level what deletes much below.
// Nothing where that would rewrite too much for what it brings.
std::optional<CompactionPlan> PickIdleLevel0(const Version& version, const LevelLimits& limits,
                                             const BusyTables& busy);
std::optional<CompactionPlan> PickIdleDeep(const Version& version, const BusyTables& busy);

// The next job from the deeper level that is fullest, or nothing.
std::optional<CompactionPlan> PickDeep(const Version& version, const LevelLimits& limits,
                                       const BusyTables& busy);

// All of one level into the next; nothing when the level is empty.
std::optional<CompactionPlan> PlanLevel(const Version& version, int level);

// Everything that meets `range`, through all levels, into the deepest level that holds any of it
// (level 1 at least); without a range, everything. Nothing when there is nothing to merge.
std::optional<CompactionPlan> PlanRange(const Version& version,
                                        const std::optional<KeyRange>& range);

// Whether the plan reads or replaces a table that is busy or damaged.
bool IsBlocked(const CompactionPlan& plan, const BusyTables& busy);

// "L0: 3 4 + L1: 1 -> L1, cut at 7 8", "move L0: 5 -> L1"
std::string Describe(const CompactionPlan& plan);

}  // namespace firn
