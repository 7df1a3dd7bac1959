// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/installer.h"

#include <algorithm>
#include <unordered_set>

#include "base/epoch.h"
#include "base/propagate.h"
#include "storage/engine/memory_budget.h"

namespace firn {

Result<void> Installer::Install(const Change& change) {
  {
    MutexLock lock(mutex_);
    parts_.environment.scheduler->Wait(mutex_, free_,
                                       [this]() FIRN_REQUIRES(mutex_) { return !installing_; });
    installing_ = true;
  }
  const std::shared_ptr<const Version> before = parts_.catalog->version();
  Result<void> logged = parts_.catalog->Log(change.edit);
  if (logged) {
    parts_.view->Change([&](View& view) {
      view.version = parts_.catalog->version();
      view.oldest_readable = std::max(view.oldest_readable, change.oldest_readable);
      if (change.drops_oldest_frozen) {
        view.frozen_newest_first.pop_back();
      }
    });
    MarkRemoved(*before, change.edit);
    SizeCache(parts_);
    parts_.controller.SetPressure(
        PressureOf(*parts_.view->Get()->version, parts_.limits, parts_.options.auto_compaction));
  } else if (logged.error().code == ErrorCode::kNoSpace) {
    DeleteOutputs(change.edit);
  } else {
    parts_.health.Stop(logged.error());
  }
  MutexLock lock(mutex_);
  installing_ = false;
  free_.NotifyOne();
  return logged;
}

void Installer::MarkRemoved(const Version& before, const VersionEdit& edit) {
  std::unordered_set<TableNumber> gone;
  for (const VersionEdit::Removed& removed : edit.removed) {
    gone.insert(removed.table.number);
  }
  for (const VersionEdit::Added& added : edit.added) {
    gone.erase(added.table.name.number);  // Moved, not gone.
  }
  auto mark = [&gone](const TableList& tables) {
    for (const auto& table : tables) {
      if (gone.contains(table->meta().name.number)) {
        table->MarkRemoved();
      }
    }
  };
  mark(before.empty_tables());
  for (int level = 0; level < kLevelCount; ++level) {
    mark(before.tables(level));
  }
}

// The edit is in no manifest, so nothing will ever name these files.
void Installer::DeleteOutputs(const VersionEdit& edit) {
  std::unordered_set<TableNumber> moved;
  for (const VersionEdit::Removed& removed : edit.removed) {
    moved.insert(removed.table.number);
  }
  for (const VersionEdit::Added& added : edit.added) {
    if (!moved.contains(added.table.name.number)) {
      static_cast<void>(parts_.environment.files->Delete(parts_.tables->PathOf(added.table.name)));
    }
  }
}

}  // namespace firn
