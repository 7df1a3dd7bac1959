// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/job.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/propagate.h"
#include "storage/compaction/merge.h"

namespace firn {
namespace {

constexpr std::uint64_t kEntriesBetweenPauses = 1024;
// An output may overlap this many outputs' worth of the level below it, so that the compaction that
// will move it on stays bounded.
constexpr std::uint64_t kGrandparentTablesMax = 10;
// Outputs may end beside inputs for long, if they are about as large. Then a small one makes ends
// meet.
constexpr std::size_t kOutputsBetweenParts = 3;

// Of a table: its keys and bytes without the table, whose file may go meanwhile.
struct Extent {
  TableName name;
  KeyRange range;
  std::uint64_t bytes = 0;
};

std::vector<Extent> ExtentsOf(const TableList& tables) {
  std::vector<Extent> extents;
  extents.reserve(tables.size());
  for (const auto& table : tables) {
    extents.push_back({.name = table->meta().name, .range = {}, .bytes = table->meta().bytes()});
    extents.back().range.Extend(table->meta());
  }
  return extents;
}

// Extents in key order beside keys in order.
class Passage {
 public:
  explicit Passage(std::vector<Extent> extents) : extents_(std::move(extents)) {}

  // Passes what ends before `key`; returns its bytes, or nothing where nothing does.
  std::optional<std::uint64_t> PassUntil(std::string_view key) {
    std::optional<std::uint64_t> bytes;
    for (; next_ < extents_.size() && extents_[next_].range.largest < key; ++next_) {
      bytes = bytes.value_or(0) + extents_[next_].bytes;
    }
    return bytes;
  }
  // Of those not passed: whether the first one begins at or before `key`.
  bool NextBeginsBy(std::string_view key) const {
    return next_ < extents_.size() && extents_[next_].range.smallest <= key;
  }
  std::span<const Extent> passed() const { return std::span(extents_).first(next_); }
  std::span<const Extent> all() const { return extents_; }

 private:
  std::vector<Extent> extents_;
  std::size_t next_ = 0;
};

// Answers whether a table deeper than the target may hold a key. Keys must come in order.
class DeeperTables {
 public:
  DeeperTables(const Version& version, int target_level) {
    for (int level = target_level + 1; level < kLevelCount; ++level) {
      if (!version.tables(level).empty()) {
        levels_.emplace_back(ExtentsOf(version.tables(level)));
      }
    }
  }

  bool NoneHolds(std::string_view key) {
    for (Passage& level : levels_) {
      level.PassUntil(key);
      if (level.NextBeginsBy(key)) {
        return false;
      }
    }
    return true;
  }

 private:
  std::vector<Passage> levels_;
};

// Decides where one output ends and the next begins: at a size, and preferably where a table of the
// level below begins, so that later compactions find their inputs already aligned, or where an
// input of the target level ends, so that what came before can be put into effect.
class OutputCutter {
 public:
  OutputCutter(std::vector<Extent> grandparents, std::uint64_t table_bytes)
      : grandparents_(std::move(grandparents)), table_bytes_(table_bytes) {}

  // Whether to start a new output at `key`, the first entry of a key. `input_ended`: one of the
  // target level, with the key before.
  bool CutBefore(std::string_view key, std::uint64_t output_bytes, bool input_ended) {
    const std::optional<std::uint64_t> below = grandparents_.PassUntil(key);
    overlapped_ += below.value_or(0);
    const bool crossed = input_ended || below.has_value();
    const bool cut = output_bytes >= table_bytes_ ||
                     (crossed && output_bytes >= table_bytes_ / 2) ||
                     overlapped_ > kGrandparentTablesMax * table_bytes_;
    if (cut) {
      overlapped_ = 0;
    }
    return cut;
  }

 private:
  Passage grandparents_;
  const std::uint64_t table_bytes_;
  std::uint64_t overlapped_ = 0;
};

// What the edits of a job remove.
struct Inputs {
  std::vector<Extent> replaced;  // Of level 1, part by part while level 0 is merged into it.
  std::vector<VersionEdit::Removed> others;
  std::vector<VersionEdit::Removed> empty;
};

Inputs InputsOf(const CompactionPlan& plan) {
  const bool in_parts =
      plan.target_level == 1 && plan.inputs.size() == 2 && plan.inputs.front().level == 0;
  Inputs inputs;
  for (const CompactionInput& input : plan.inputs) {
    if (in_parts && input.level == plan.target_level) {
      inputs.replaced = ExtentsOf(input.tables);
      continue;
    }
    for (const auto& table : input.tables) {
      inputs.others.push_back({.level = input.level, .table = table->meta().name});
    }
  }
  for (const auto& table : plan.empty_tables) {
    inputs.empty.push_back({.level = 0, .table = table->meta().name});
  }
  return inputs;
}

// Of an output that becomes as large as it may. Too many cost address space alone.
std::uint64_t ExpectedEntries(const CompactionPlan& plan, const CompactionSetup& setup) {
  std::uint64_t entries = 0;
  for (const CompactionInput& input : plan.inputs) {
    for (const auto& table : input.tables) {
      entries += table->meta().properties.entry_count;
    }
  }
  const double outputs = std::max(1.0, static_cast<double>(plan.input_bytes()) /
                                           static_cast<double>(setup.output.options.table_bytes));
  const auto each = static_cast<std::uint64_t>(1.1 * static_cast<double>(entries) / outputs);
  return std::min<std::uint64_t>(each, setup.filter_memory_bytes / sizeof(std::uint64_t));
}

class Job {
 public:
  // Plan and version end here, so that the merge alone keeps the inputs.
  Job(const CompactionPlan& plan, CompactionSetup setup)
      : setup_(std::move(setup)),
        target_level_(plan.target_level),
        expected_entries_(ExpectedEntries(plan, setup_)),
        inputs_(InputsOf(plan)),
        replaced_(std::move(inputs_.replaced)),
        merge_(plan, setup_.read_memory_bytes),
        filter_(setup_.readers),
        deeper_(*setup_.version, plan.target_level),
        cutter_(ExtentsOf(plan.grandparents), setup_.output.options.table_bytes),
        output_(setup_.output) {
    setup_.version.reset();
  }

  Result<CompactionOutcome> Run() {
    Result<void> merged = MergeAll();
    if (!merged) {
      DeleteOutputs();
      return std::move(merged).error();
    }
    Replace(replaced_.all());
    outcome_.result.tables_merged += inputs_.others.size();
    for (const auto* removed : {&inputs_.others, &inputs_.empty}) {
      outcome_.edit.removed.insert(outcome_.edit.removed.end(), removed->begin(), removed->end());
    }
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
    if (output_.begun() && entry.key != last_key_ && EndsBefore(entry.key)) {
      FIRN_TRY(FinishOutput());
      FIRN_TRY(InstallPart());
    }
    if (!output_.begun()) {
      FIRN_TRY(output_.Begin(target_level_, expected_entries_));
    }
    last_key_.assign(entry.key);
    return output_.Add(entry);
  }

  // Whether the output does.
  bool EndsBefore(std::string_view key) {
    const bool input_ended = replaced_.PassUntil(key).has_value();
    const bool part_is_late = outcome_.edit.added.size() >= kOutputsBetweenParts;
    return cutter_.CutBefore(key, output_.bytes(), input_ended) || (input_ended && part_is_late) ||
           output_.filter_memory_bytes() >= setup_.filter_memory_bytes;
  }

  Result<void> FinishOutput() {
    if (!output_.begun()) {
      return {};
    }
    FIRN_TRY_ASSIGN(TableMeta table, output_.Finish());
    outcome_.result.bytes_written += table.bytes();
    outcome_.edit.added.push_back({.level = target_level_, .table = std::move(table)});
    ++outcome_.result.tables_written;
    return {};
  }

  // When an output has ended: if inputs of the target level ended with it, they are replaced.
  Result<void> InstallPart() {
    if (replaced_.passed().size() == replaced_count_ || replaced_.NextBeginsBy(last_key_)) {
      return {};
    }
    FIRN_TRY(setup_.output.files.SyncDirectory(setup_.directory));
    Replace(replaced_.passed());
    return setup_.install(std::exchange(outcome_.edit, {}));
  }

  // `inputs`: from the first on, so some may be replaced already.
  void Replace(std::span<const Extent> inputs) {
    for (const Extent& input : inputs.subspan(replaced_count_)) {
      outcome_.edit.removed.push_back({.level = target_level_, .table = input.name});
    }
    outcome_.result.tables_merged += inputs.size() - replaced_count_;
    replaced_count_ = inputs.size();
  }

  // The failure that led here matters more than one met in clearing up; files left behind are
  // removed at the next open.
  void DeleteOutputs() {
    for (const VersionEdit::Added& added : outcome_.edit.added) {
      static_cast<void>(setup_.output.files.Delete(setup_.output.tables.PathOf(added.table.name)));
    }
  }

  CompactionSetup setup_;
  const int target_level_;
  const std::uint64_t expected_entries_;
  Inputs inputs_;
  Passage replaced_;
  std::size_t replaced_count_ = 0;
  CompactionMerge merge_;
  VersionFilter filter_;
  DeeperTables deeper_;
  OutputCutter cutter_;
  TableOutput output_;
  std::string last_key_;
  CompactionOutcome outcome_;
};

}  // namespace

Result<CompactionOutcome> RunCompaction(CompactionPlan plan, CompactionSetup setup) {
  Job job(plan, std::move(setup));
  plan = {};
  return job.Run();
}

}  // namespace firn
