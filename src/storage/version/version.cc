// SPDX-License-Identifier: Apache-2.0
#include "storage/version/version.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/key_head.h"
#include "base/printable.h"
#include "base/propagate.h"

namespace firn {
namespace {

Error Broken(int level, const TableName& name, std::string_view what) {
  return {ErrorCode::kCorruption,
          "version: L" + std::to_string(level) + " " + Describe(name) + " " + std::string(what)};
}

bool ByKey(const std::shared_ptr<const TableFile>& a, const std::shared_ptr<const TableFile>& b) {
  return a->meta().smallest_key() < b->meta().smallest_key();
}

// Flushes come in sequence order, so the larger number is the newer table.
bool NewestFirst(const std::shared_ptr<const TableFile>& a,
                 const std::shared_ptr<const TableFile>& b) {
  return a->meta().name.number > b->meta().name.number;
}

// Takes the named table out of the list; null when it is not in it.
std::shared_ptr<const TableFile> Take(TableList& tables, const TableName& name) {
  const auto found = std::ranges::find_if(
      tables, [&name](const auto& table) { return table->meta().name == name; });
  if (found == tables.end()) {
    return nullptr;
  }
  std::shared_ptr<const TableFile> taken = *found;
  tables.erase(found);
  return taken;
}

Result<void> CheckSortedLevel(int level, const TableList& tables) {
  const TableMeta* previous = nullptr;
  for (const auto& table : tables) {
    const TableMeta& meta = table->meta();
    if (meta.empty()) {
      return Broken(level, meta.name, "is empty");
    }
    if (previous != nullptr && previous->largest_key() >= meta.smallest_key()) {
      return Broken(level, meta.name, "overlaps " + Describe(previous->name));
    }
    previous = &meta;
  }
  return {};
}

}  // namespace

SortedRun::SortedRun(TableList tables_in_key_order) : tables_(std::move(tables_in_key_order)) {
  if (tables_.empty()) {
    return;
  }
  // Sorted keys share what the first and the last share.
  prefix_length_ =
      CommonPrefix(tables_.front()->meta().largest_key(), tables_.back()->meta().largest_key());
  largest_heads_.reserve(tables_.size());
  smallest_heads_.reserve(tables_.size());
  for (const auto& table : tables_) {
    largest_heads_.push_back(KeyHead(table->meta().largest_key(), prefix_length_));
    // The smallest key of all may come before those with the prefix.
    const std::string_view smallest = table->meta().smallest_key();
    smallest_heads_.push_back(smallest.starts_with(prefix()) ? KeyHead(smallest, prefix_length_)
                                                             : 0);
  }
}

std::size_t SortedRun::LowerBound(std::string_view key) const {
  if (tables_.empty()) {
    return 0;
  }
  const std::string_view key_start = key.substr(0, prefix_length_);
  if (const int order = key_start.compare(prefix()); order != 0) {
    return order < 0 ? 0 : tables_.size();
  }
  const std::uint64_t head = KeyHead(key, prefix_length_);
  std::size_t at = LowerHead(largest_heads_, head);
  while (at < tables_.size() && largest_heads_[at] == head &&
         tables_[at]->meta().largest_key() < key) {
    ++at;
  }
  return at;
}

const TableFile* SortedRun::TableFor(std::string_view key) const {
  const std::size_t at = LowerBound(key);
  if (at == tables_.size()) {
    return nullptr;
  }
  // Heads spare a read all but one of the keys in memory that is far away.
  const TableFile* table = tables_[at].get();
  const bool is_above =
      key.starts_with(prefix()) && KeyHead(key, prefix_length_) > smallest_heads_[at];
  return is_above || key >= table->meta().smallest_key() ? table : nullptr;
}

Result<std::shared_ptr<const Version>> Version::Apply(
    const VersionEdit& edit, const std::shared_ptr<TableDirectory>& directory) const {
  auto next = std::make_shared<Version>();
  next->empty_ = empty_;
  std::array<TableList, kLevelCount> lists;
  for (int level = 0; level < kLevelCount; ++level) {
    lists[static_cast<std::size_t>(level)] = tables(level);
  }
  TableList taken;  // Tables moved down keep their object, and with it their cached blocks.
  for (const VersionEdit::Removed& removed : edit.removed) {
    auto table = Take(lists[static_cast<std::size_t>(removed.level)], removed.table);
    if (table == nullptr && removed.level == 0) {
      table = Take(next->empty_, removed.table);
    }
    if (table == nullptr) {
      return Broken(removed.level, removed.table, "is removed but not there");
    }
    taken.push_back(std::move(table));
  }
  for (const VersionEdit::Added& added : edit.added) {
    auto table = Take(taken, added.table.name);
    if (table == nullptr) {
      table = std::make_shared<TableFile>(added.table, directory);
    }
    TableList& list =
        added.table.empty() ? next->empty_ : lists[static_cast<std::size_t>(added.level)];
    list.push_back(std::move(table));
  }
  std::ranges::sort(lists[0], NewestFirst);
  next->level0_ = std::move(lists[0]);
  for (const auto& table : next->level0_) {
    next->level0_runs_.emplace_back(TableList{table});
  }
  for (std::size_t level = 1; level < kLevelCount; ++level) {
    std::ranges::sort(lists[level], ByKey);
    // A run is built of tables in order alone: an edit from a file may hold any.
    FIRN_TRY(CheckSortedLevel(static_cast<int>(level), lists[level]));
    next->sorted_[level - 1] = SortedRun(std::move(lists[level]));
  }
  for (int level = 0; level < kLevelCount; ++level) {
    for (const auto& table : next->tables(level)) {
      next->bytes_[static_cast<std::size_t>(level)] += table->meta().bytes();
      next->deepest_ = level;
    }
  }
  next->applied_ = {.index = std::max(applied_.index, edit.applied_index.value_or(0)),
                    .state = edit.replica_state.value_or(applied_.state)};
  FIRN_TRY(next->CheckInvariants());
  return std::shared_ptr<const Version>(std::move(next));
}

std::uint64_t Version::table_count() const {
  std::uint64_t count = empty_.size();
  for (int level = 0; level < kLevelCount; ++level) {
    count += tables(level).size();
  }
  return count;
}

TableList Version::Overlapping(int level, const KeyRange& range) const {
  TableList overlapping;
  for (const auto& table : tables(level)) {
    if (range.Overlaps(table->meta())) {
      overlapping.push_back(table);
    }
  }
  return overlapping;
}

VersionEdit Version::Snapshot() const {
  VersionEdit edit;
  for (const auto& table : empty_) {
    edit.added.push_back({.level = 0, .table = table->meta()});
  }
  for (int level = 0; level < kLevelCount; ++level) {
    for (const auto& table : tables(level)) {
      edit.added.push_back({.level = level, .table = table->meta()});
    }
  }
  edit.applied_index = applied_.index;
  edit.replica_state = applied_.state;
  return edit;
}

Result<void> Version::CheckInvariants() const {
  std::unordered_set<TableNumber> numbers;
  for (int level = 0; level < kLevelCount; ++level) {
    for (const auto& table : tables(level)) {
      if (!numbers.insert(table->meta().name.number).second) {
        return Broken(level, table->meta().name, "has a number that is in use");
      }
    }
    if (level > 0) {
      FIRN_TRY(CheckSortedLevel(level, tables(level)));
    }
  }
  for (const auto& table : empty_) {
    if (!numbers.insert(table->meta().name.number).second) {
      return Broken(0, table->meta().name, "has a number that is in use");
    }
  }
  return {};
}

std::string Describe(const Version& version) {
  std::string text;
  for (int level = 0; level < kLevelCount; ++level) {
    if (version.tables(level).empty()) {
      continue;
    }
    text += "L" + std::to_string(level) + ":";
    for (const auto& table : version.tables(level)) {
      const TableProperties& properties = table->meta().properties;
      text += " " + std::to_string(table->meta().name.number.value) + ":[" +
              Printable(properties.smallest_key) + " .. " + Printable(properties.largest_key) +
              "]#" + std::to_string(properties.smallest_sequence.value) + "-" +
              std::to_string(properties.largest_sequence.value);
    }
    text += "\n";
  }
  return text.empty() ? "no tables\n" : text;
}

}  // namespace firn
