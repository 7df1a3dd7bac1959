// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/job.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"
#include "storage/compaction/merge.h"

namespace firn {
namespace {

constexpr std::uint64_t kEntriesBetweenPauses = 1024;
// An output may overlap this many outputs' worth of the level below it, so that the compaction that
// will move it on stays bounded.
constexpr std::uint64_t kGrandparentTablesMax = 10;

// Answers whether a table deeper than the target may hold a key. Keys must come in order.
class DeeperTables {
 public:
  DeeperTables(const Version& version, int target_level) {
    for (int level = target_level + 1; level < kLevelCount; ++level) {
      if (!version.tables(level).empty()) {
        levels_.push_back({.tables = &version.tables(level)});
      }
    }
  }

  bool NoneHolds(std::string_view key) {
    for (Level& level : levels_) {
      while (level.next < level.tables->size() &&
             (*level.tables)[level.next]->meta().largest_key() < key) {
        ++level.next;
      }
      if (level.next < level.tables->size() &&
          (*level.tables)[level.next]->meta().smallest_key() <= key) {
        return false;
      }
    }
    return true;
  }

 private:
  struct Level {
    const TableList* tables;
    std::size_t next = 0;
  };
  std::vector<Level> levels_;
};

// Decides where one output ends and the next begins: at a size, and preferably where a table of the
// level below begins, so that later compactions find their inputs already aligned.
class OutputCutter {
 public:
  OutputCutter(const TableList& grandparents, std::uint64_t table_bytes)
      : grandparents_(grandparents), table_bytes_(table_bytes) {}

  // Whether to start a new output at `key`, the first entry of a key.
  bool CutBefore(std::string_view key, std::uint64_t output_bytes) {
    bool crossed = false;
    while (next_ < grandparents_.size() && grandparents_[next_]->meta().largest_key() < key) {
      overlapped_ += grandparents_[next_]->meta().bytes();
      crossed = true;
      ++next_;
    }
    const bool cut = output_bytes >= table_bytes_ ||
                     (crossed && output_bytes >= table_bytes_ / 2) ||
                     overlapped_ > kGrandparentTablesMax * table_bytes_;
    if (cut) {
      overlapped_ = 0;
    }
    return cut;
  }

 private:
  const TableList& grandparents_;
  const std::uint64_t table_bytes_;
  std::size_t next_ = 0;
  std::uint64_t overlapped_ = 0;
};

class Job {
 public:
  Job(const CompactionPlan& plan, const CompactionSetup& setup)
      : plan_(plan),
        setup_(setup),
        merge_(plan, setup.read_memory_bytes),
        filter_(setup.readers),
        deeper_(setup.version, plan.target_level),
        cutter_(plan.grandparents, setup.output.options.table_bytes),
        output_(setup.output) {}

  Result<CompactionOutcome> Run() {
    Result<void> merged = MergeAll();
    if (!merged) {
      DeleteOutputs();
      return std::move(merged).error();
    }
    for (const CompactionInput& input : plan_.inputs) {
      for (const auto& table : input.tables) {
        outcome_.edit.removed.push_back({.level = input.level, .table = table->meta().name});
        ++outcome_.result.tables_merged;
      }
    }
    for (const auto& table : plan_.empty_tables) {
      outcome_.edit.removed.push_back({.level = 0, .table = table->meta().name});
    }
    outcome_.result.tables_written = outcome_.edit.added.size();
    outcome_.result.bytes_read = merge_.bytes_read();
    return std::move(outcome_);
  }

 private:
  Result<void> MergeAll() {
    FIRN_TRY(merge_.Start());
    for (std::uint64_t count = 1; merge_.valid(); ++count) {
      FIRN_TRY(Take(merge_.entry()));
      FIRN_TRY(merge_.Next());
      if (count % kEntriesBetweenPauses == 0) {
        FIRN_TRY(setup_.pause());
      }
    }
    FIRN_TRY(FinishOutput());
    return setup_.output.files.SyncDirectory(setup_.directory);
  }

  Result<void> Take(const Entry& entry) {
    const bool keep =
        filter_.Keep(entry, [this](std::string_view key) { return deeper_.NoneHolds(key); });
    if (!keep) {
      ++outcome_.result.entries_dropped;
      return {};
    }
    // A key's versions stay together in one table.
    if (output_.begun() && entry.key != last_key_ &&
        (cutter_.CutBefore(entry.key, output_.bytes()) ||
         output_.filter_memory_bytes() >= setup_.filter_memory_bytes)) {
      FIRN_TRY(FinishOutput());
    }
    if (!output_.begun()) {
      FIRN_TRY(output_.Begin(plan_.target_level, ExpectedEntries()));
    }
    last_key_.assign(entry.key);
    return output_.Add(entry);
  }

  // Of an output that becomes as large as it may. Too many cost address space alone.
  std::uint64_t ExpectedEntries() const {
    std::uint64_t entries = 0;
    for (const CompactionInput& input : plan_.inputs) {
      for (const auto& table : input.tables) {
        entries += table->meta().properties.entry_count;
      }
    }
    const double outputs =
        std::max(1.0, static_cast<double>(plan_.input_bytes()) /
                          static_cast<double>(setup_.output.options.table_bytes));
    const auto each = static_cast<std::uint64_t>(1.1 * static_cast<double>(entries) / outputs);
    return std::min<std::uint64_t>(each, setup_.filter_memory_bytes / sizeof(std::uint64_t));
  }

  Result<void> FinishOutput() {
    if (!output_.begun()) {
      return {};
    }
    FIRN_TRY_ASSIGN(TableMeta table, output_.Finish());
    outcome_.result.bytes_written += table.bytes();
    outcome_.edit.added.push_back({.level = plan_.target_level, .table = std::move(table)});
    return {};
  }

  // The failure that led here matters more than one met in clearing up; files left behind are
  // removed at the next open.
  void DeleteOutputs() {
    for (const VersionEdit::Added& added : outcome_.edit.added) {
      static_cast<void>(setup_.output.files.Delete(setup_.output.tables.PathOf(added.table.name)));
    }
  }

  const CompactionPlan& plan_;
  const CompactionSetup& setup_;
  CompactionMerge merge_;
  VersionFilter filter_;
  DeeperTables deeper_;
  OutputCutter cutter_;
  TableOutput output_;
  std::string last_key_;
  CompactionOutcome outcome_;
};

}  // namespace

Result<CompactionOutcome> RunCompaction(const CompactionPlan& plan, const CompactionSetup& setup) {
  return Job(plan, setup).Run();
}

}  // namespace firn
