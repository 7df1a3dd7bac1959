// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/read_path.h"

#include <utility>

#include "base/propagate.h"

namespace firn {
namespace {

bool Settles(const Result<Found>& found) { return !found.has_value() || found->has_value(); }

bool MayHold(const TableMeta& table, std::string_view key) {
  return table.smallest_key() <= key && key <= table.largest_key();
}

}  // namespace

PointRead::PointRead(const View& view, const Lookup& lookup)
    : view_(view), version_(*view.version), lookup_(lookup) {
  view_.active->Prefetch(lookup_);
  for (int level = 1; level <= version_.deepest_level(); ++level) {
    levels_[static_cast<std::size_t>(level) - 1] =
        Approach(version_.sorted_level(level).TableFor(lookup_.key));
  }
}

PointRead::Place PointRead::Approach(const TableFile* file) const {
  const Table* table = file == nullptr ? nullptr : file->opened();
  return {file, table, table == nullptr ? Block::Range{} : table->Approach(lookup_)};
}

void PointRead::Aim() const {
  for (const Place& place : sorted_levels()) {
    if (place.table != nullptr && place.table->Aim(lookup_, place.near)) {
      return;
    }
  }
}

Result<Found> PointRead::FindIn(const Place& place, ReadScope& scope) const {
  TableReadTrace unused;
  if (place.table != nullptr) [[likely]] {
    return place.table->Find(lookup_, place.near, scope, unused);
  }
  FIRN_TRY(scope.PrepareForDisk());
  // The file keeps it open, and the scope keeps the file.
  FIRN_TRY_ASSIGN(const std::shared_ptr<const Table> opened, place.file->Open());
  return opened->Find(lookup_, scope, unused);
}

// An error settles a read as firmly as an answer: an older source must not mask it.
Result<Found> PointRead::Find(ReadScope& scope, ReadTrace& trace) const {
  trace.source = ReadTrace::kMemtable;
  if (Found found = view_.active->Find(lookup_)) {
    return found;
  }
  for (const FrozenMemtable& frozen : view_.frozen_newest_first) {
    if (Found found = frozen.memtable->Find(lookup_)) {
      return found;
    }
  }
  trace.source = 0;
  trace.levels_checked = version_.deepest_level() < 0 ? 0 : 1;
  for (const auto& file : version_.level0_newest_first()) {
    if (const Table* table = file->opened()) {
      table->PrefetchFilter(lookup_);
    }
  }
  for (const auto& file : version_.level0_newest_first()) {
    if (!MayHold(file->meta(), lookup_.key)) {
      continue;
    }
    if (Result<Found> found = FindIn(Approach(file.get()), scope); Settles(found)) {
      return found;
    }
  }
  for (const Place& place : sorted_levels()) {
    ++trace.source;
    ++trace.levels_checked;
    if (place.file == nullptr) {
      continue;
    }
    if (Result<Found> found = FindIn(place, scope); Settles(found)) {
      return found;
    }
  }
  trace.source = ReadTrace::kNowhere;
  return Found{};
}

}  // namespace firn
