// SPDX-License-Identifier: Apache-2.0
//
// The catalog keeps the current Version and makes the next one durable: it owns the manifest and
// SUPER and hands out table numbers. The order of every change is: files synced, directory synced,
// edit synced, SUPER synced, and only then is anything that the edit made unneeded deleted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "firn/result.h"
#include "io/file_system.h"
#include "storage/version/manifest.h"
#include "storage/version/superblock.h"
#include "storage/version/version.h"

namespace firn {

class Catalog {
 public:
  // A catalog for a directory without one. Writes nothing until StartManifest.
  static std::unique_ptr<Catalog> Fresh(std::shared_ptr<FileSystem> files, std::string directory,
                                        std::shared_ptr<TableDirectory> tables);

  // Reads SUPER and the manifest it names. kNotFound when there is no SUPER; kCorruption names file
  // and offset. Writes nothing.
  static Result<std::unique_ptr<Catalog>> Recover(std::shared_ptr<FileSystem> files,
                                                  std::string directory,
                                                  std::shared_ptr<TableDirectory> tables);

  // kCorruption when the manifest lacks edits that a log segment knows to be durable.
  Result<void> RequireDurable(ManifestPosition position) const;

  // Numbers of files that exist must not be given out again, whatever the manifest says.
  void NoteExisting(TableNumber table);
  void NoteExisting(ManifestNumber manifest);

  // Begins a new manifest with everything known, and makes SUPER name it. Before the first Log.
  // A failure is final: the object must not log any more.
  Result<void> StartManifest();
  // The same for one that is to hold what `edit` says besides.
  Result<void> StartManifestFrom(const VersionEdit& edit);

  // A manifest longer than this, and twice as long as its snapshot, is replaced by a new one.
  // Before the first Log.
  static constexpr std::uint64_t kRollOverBytes = std::uint64_t{1} << 20;
  void set_roll_over_bytes(std::uint64_t bytes) { roll_over_bytes_ = bytes; }

  // Makes `edit` durable and its result current. Blocks on the disk; one thread at a time. After
  // kNoSpace the edit is certain not to count, and a later one may succeed. Any other failure is
  // final: the edit may count or not, so neither its inputs nor its outputs may be deleted.
  Result<void> Log(const VersionEdit& edit);

  // The state after the last successful Log. To be read by the thread that logs.
  const std::shared_ptr<const Version>& version() const { return state_.version; }
  WalNumber min_wal() const { return state_.min_wal; }
  SequenceNumber last_sequence() const { return state_.last_sequence; }

  // Any thread.
  TableNumber NewTableNumber() { return {next_table_.fetch_add(1, std::memory_order_relaxed)}; }
  ManifestPosition durable_position() const;

 private:
  Catalog(std::shared_ptr<FileSystem> files, std::string directory,
          std::shared_ptr<TableDirectory> tables);
  // All that edits change.
  struct State {
    std::shared_ptr<const Version> version = std::make_shared<Version>();
    WalNumber min_wal;
    SequenceNumber last_sequence;
  };
  Result<State> After(const VersionEdit& edit) const;
  Result<void> ApplyInMemory(const VersionEdit& edit);
  Result<void> WriteSuper();
  VersionEdit SnapshotOfEverything() const;

  // Constant after construction.
  const std::shared_ptr<FileSystem> files_;
  const std::string directory_;
  const std::shared_ptr<TableDirectory> tables_;
  std::uint64_t roll_over_bytes_ = kRollOverBytes;

  // Synchronise themselves.
  std::atomic<std::uint64_t> next_table_{1};
  mutable Mutex mutex_;
  ManifestPosition durable_ FIRN_GUARDED_BY(mutex_);

  // Of the logging thread.
  State state_;
  ManifestNumber next_manifest_{1};
  SuperSlot last_super_;
  std::unique_ptr<Superblock> super_;
  std::unique_ptr<ManifestWriter> manifest_;
  bool manifest_is_torn_ = false;  // Ends in part of an edit that found no space.
};

}  // namespace firn
