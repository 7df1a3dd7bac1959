// SPDX-License-Identifier: Apache-2.0
//
// A Version is the set of live tables at one moment, arranged in levels. It never changes: a flush
// or compaction makes the next one by applying an edit. Level 0 holds flushed memtables that may
// overlap; each deeper level is one sorted run, in which at most one table can hold a key.
//
// Invariants (docs/invariants.md I-V1…): above level 0 the ranges in a level are disjoint and in
// key order; a table is in one level only; for any key, what a level holds is newer than what any
// deeper one holds, or the same. Immutable, so free to share between threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "storage/version/table_file.h"
#include "storage/version/version_edit.h"

namespace firn {

using TableList = std::vector<std::shared_ptr<const TableFile>>;

// A sorted level with the bounds of its tables laid out for search: heads in arrays, whole keys
// only for ties.
class SortedRun {
 public:
  SortedRun() = default;
  explicit SortedRun(TableList tables_in_key_order);

  const TableList& tables() const { return tables_; }
  // Position of the first table whose largest key is at or after `key`; tables().size() if none.
  std::size_t LowerBound(std::string_view key) const;
  // The only table that can hold `key`, or null.
  const TableFile* TableFor(std::string_view key) const;

 private:
  // What all largest keys share, which their heads leave out. Requires that there are tables.
  std::string_view prefix() const {
    return std::string_view(tables_.front()->meta().largest_key()).substr(0, prefix_length_);
  }

  TableList tables_;
  std::size_t prefix_length_ = 0;
  std::vector<std::uint64_t> largest_heads_;
  std::vector<std::uint64_t> smallest_heads_;
};

class Version {
 public:
  Version() = default;

  // The version after `edit`. kCorruption when the edit does not fit: a table added twice, one
  // removed that is not there, ranges that overlap in a sorted level.
  Result<std::shared_ptr<const Version>> Apply(
      const VersionEdit& edit, const std::shared_ptr<TableDirectory>& directory) const;

  const TableList& level0_newest_first() const { return level0_; }
  // Each table of level 0 as a run of its own, in the same order.
  const std::vector<SortedRun>& level0_runs() const { return level0_runs_; }
  // Level 1 and deeper.
  const SortedRun& sorted_level(int level) const {
    return sorted_[static_cast<std::size_t>(level) - 1];
  }
  // Tables of any level: newest first in level 0, else in key order.
  const TableList& tables(int level) const {
    return level == 0 ? level0_ : sorted_level(level).tables();
  }
  // Tables without entries, which an explicit flush of nothing makes: listed, never searched.
  const TableList& empty_tables() const { return empty_; }

  // Exactly what the tables reflect.
  const AppliedPoint& applied() const { return applied_; }

  std::uint64_t bytes(int level) const { return bytes_[static_cast<std::size_t>(level)]; }
  // The deepest level that holds a table, or -1.
  int deepest_level() const { return deepest_; }
  std::uint64_t table_count() const;

  // Tables of a level that meet the range, in the level's order.
  TableList Overlapping(int level, const KeyRange& range) const;

  // What would rebuild this version from nothing.
  VersionEdit Snapshot() const;
  // Ok, or the first broken invariant. Reads no file.
  Result<void> CheckInvariants() const;

 private:
  TableList level0_;
  std::vector<SortedRun> level0_runs_;
  TableList empty_;
  std::array<SortedRun, kLevelCount - 1> sorted_;
  std::array<std::uint64_t, kLevelCount> bytes_{};
  int deepest_ = -1;
  AppliedPoint applied_;
};

// One line for each level that holds a table: "L1: 4:[a#5 .. c#6] 9:[…]".
std::string Describe(const Version& version);

}  // namespace firn
