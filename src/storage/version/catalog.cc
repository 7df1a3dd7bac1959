// SPDX-License-Identifier: Apache-2.0
#include "storage/version/catalog.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/propagate.h"

namespace firn {

Catalog::Catalog(std::shared_ptr<FileSystem> files, std::string directory,
                 std::shared_ptr<TableDirectory> tables)
    : files_(std::move(files)), directory_(std::move(directory)), tables_(std::move(tables)) {}

std::unique_ptr<Catalog> Catalog::Fresh(std::shared_ptr<FileSystem> files, std::string directory,
                                        std::shared_ptr<TableDirectory> tables) {
  return std::unique_ptr<Catalog>(
      new Catalog(std::move(files), std::move(directory), std::move(tables)));
}

Result<std::unique_ptr<Catalog>> Catalog::Recover(std::shared_ptr<FileSystem> files,
                                                  std::string directory,
                                                  std::shared_ptr<TableDirectory> tables) {
  FIRN_TRY_ASSIGN(const SuperSlot super, Superblock::Read(*files, directory));
  FIRN_TRY_ASSIGN(const ManifestContent content, ReadManifest(*files, directory, super.durable));
  auto catalog = Fresh(std::move(files), std::move(directory), std::move(tables));
  for (std::size_t i = 0; i < content.edits.size(); ++i) {
    if (Result<void> applied = catalog->ApplyInMemory(content.edits[i]); !applied) {
      return Error{applied.error().code, ManifestFileName(super.durable.manifest) + " edit " +
                                             std::to_string(i) + ": " + applied.error().context};
    }
  }
  catalog->last_super_ = super;
  catalog->NoteExisting(super.durable.manifest);
  {
    MutexLock lock(catalog->mutex_);
    catalog->durable_ = {.manifest = super.durable.manifest, .edit = content.edits.size()};
  }
  return catalog;
}

Result<void> Catalog::RequireDurable(ManifestPosition position) const {
  const ManifestPosition durable = durable_position();
  if (position <= durable) {
    return {};
  }
  return Error{ErrorCode::kCorruption,
               ManifestFileName(durable.manifest) + ": ends after " + std::to_string(durable.edit) +
                   " edits, but the log was written after edit " + std::to_string(position.edit) +
                   " of " + ManifestFileName(position.manifest)};
}

void Catalog::NoteExisting(TableNumber table) {
  next_table_.store(std::max(next_table_.load(std::memory_order_relaxed), table.value + 1),
                    std::memory_order_relaxed);
}

void Catalog::NoteExisting(ManifestNumber manifest) {
  next_manifest_ = std::max(next_manifest_, manifest.Next());
}

Result<void> Catalog::StartManifest() {
  if (super_ == nullptr) {
    // A new file's name becomes durable with that of the manifest.
    FIRN_TRY_ASSIGN(super_, Superblock::Open(*files_, directory_, last_super_));
  }
  const ManifestNumber number = std::exchange(next_manifest_, next_manifest_.Next());
  auto next = ManifestWriter::Create(*files_, directory_, number, SnapshotOfEverything());
  if (!next) {
    static_cast<void>(files_->Delete(JoinPath(directory_, ManifestFileName(number))));
    return std::move(next).error();
  }
  const std::unique_ptr<ManifestWriter> old = std::exchange(manifest_, *std::move(next));
  manifest_is_torn_ = false;
  // Both slots: while one still named the old manifest, that file could not be deleted.
  FIRN_TRY(WriteSuper());
  FIRN_TRY(WriteSuper());
  if (old != nullptr) {
    FIRN_TRY(files_->Delete(JoinPath(directory_, ManifestFileName(old->position().manifest))));
  }
  return {};
}

Result<void> Catalog::StartManifestFrom(const VersionEdit& edit) {
  FIRN_TRY(ApplyInMemory(edit));
  for (const VersionEdit::Added& added : edit.added) {
    NoteExisting(added.table.name.number);
  }
  return StartManifest();
}

Result<void> Catalog::Log(const VersionEdit& edit) {
  FIRN_CHECK(manifest_ != nullptr);
  if (manifest_is_torn_) {
    FIRN_TRY(StartManifest());
  }
  VersionEdit complete = edit;
  complete.next_table = TableNumber{next_table_.load(std::memory_order_relaxed)};
  FIRN_TRY_ASSIGN(State next, After(complete));
  if (Result<void> appended = manifest_->Append(complete); !appended) {
    manifest_is_torn_ = true;
    return appended;
  }
  state_ = std::move(next);
  if (Result<void> written = WriteSuper(); !written) {
    return Error{ErrorCode::kIo, written.error().context};  // The edit may count or not: final.
  }
  if (manifest_->bytes() > std::max(roll_over_bytes_, 2 * manifest_->snapshot_bytes())) {
    // The old one goes on for as long as there is no room for a new one.
    if (Result<void> rolled = StartManifest();
        !rolled && rolled.error().code != ErrorCode::kNoSpace) {
      return rolled;
    }
  }
  return {};
}

ManifestPosition Catalog::durable_position() const {
  MutexLock lock(mutex_);
  return durable_;
}

Result<Catalog::State> Catalog::After(const VersionEdit& edit) const {
  State next = state_;
  FIRN_TRY_ASSIGN(next.version, state_.version->Apply(edit, tables_));
  next.min_wal = std::max(next.min_wal, edit.min_wal.value_or(next.min_wal));
  next.last_sequence = std::max(next.last_sequence, edit.last_sequence.value_or(SequenceNumber{}));
  return next;
}

Result<void> Catalog::ApplyInMemory(const VersionEdit& edit) {
  FIRN_TRY_ASSIGN(state_, After(edit));
  if (edit.next_table) {
    NoteExisting(TableNumber{edit.next_table->value - 1});
  }
  return {};
}

Result<void> Catalog::WriteSuper() {
  const ManifestPosition position = manifest_->position();
  FIRN_TRY(super_->Write(position));
  MutexLock lock(mutex_);
  durable_ = position;
  return {};
}

VersionEdit Catalog::SnapshotOfEverything() const {
  VersionEdit edit = state_.version->Snapshot();
  edit.next_table = TableNumber{next_table_.load(std::memory_order_relaxed)};
  edit.min_wal = state_.min_wal;
  edit.last_sequence = state_.last_sequence;
  return edit;
}

}  // namespace firn
