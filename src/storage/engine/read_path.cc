// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/read_path.h"

#include <utility>

#include "base/propagate.h"

namespace firn {
namespace {

bool Settles(const Result<Found>& found) { return !found.has_value() || found->has_value(); }

Result<Found> FindInTable(const TableFile& file, const Lookup& lookup, ReadScope& scope) {
  const Table* table = file.opened();
  if (table == nullptr) {
    FIRN_TRY(scope.PrepareForDisk());
    FIRN_TRY_ASSIGN(const std::shared_ptr<const Table> opened, file.Open());
    table = opened.get();  // The file keeps it open, and the scope keeps the file.
  }
  TableReadTrace unused;
  return table->Find(lookup, scope, unused);
}

bool MayHold(const TableMeta& table, std::string_view key) {
  return table.smallest_key() <= key && key <= table.largest_key();
}

}  // namespace

// An error settles a read as firmly as an answer: an older source must not mask it.
Result<Found> Read(const View& view, const Lookup& lookup, ReadScope& scope, ReadTrace& trace) {
  trace.source = ReadTrace::kMemtable;
  if (Found found = view.active->Find(lookup)) {
    return found;
  }
  for (const FrozenMemtable& frozen : view.frozen_newest_first) {
    if (Found found = frozen.memtable->Find(lookup)) {
      return found;
    }
  }
  trace.source = 0;
  trace.levels_checked = view.version->deepest_level() < 0 ? 0 : 1;
  for (const auto& table : view.version->level0_newest_first()) {
    if (!MayHold(table->meta(), lookup.key)) {
      continue;
    }
    if (Result<Found> found = FindInTable(*table, lookup, scope); Settles(found)) {
      return found;
    }
  }
  for (int level = 1; level <= view.version->deepest_level(); ++level) {
    trace.source = level;
    trace.levels_checked = level + 1;
    const TableFile* table = view.version->sorted_level(level).TableFor(lookup.key);
    if (table == nullptr) {
      continue;
    }
    if (Result<Found> found = FindInTable(*table, lookup, scope); Settles(found)) {
      return found;
    }
  }
  trace.source = ReadTrace::kNowhere;
  return Found{};
}

}  // namespace firn
