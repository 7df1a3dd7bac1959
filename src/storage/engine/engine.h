// SPDX-License-Identifier: Apache-2.0
//
// One open database: the activities wired together. Everything public (firn::Database and its
// handles) is a thin face over this class; handles share ownership of it, so that a closed database
// stays readable for the iterators, snapshots and pinned values that are still around, and its LOCK
// is held until the last of them is gone. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "firn/database.h"
#include "storage/engine/compactor.h"
#include "storage/engine/flusher.h"
#include "storage/engine/installer.h"
#include "storage/engine/parts.h"
#include "storage/engine/preparer.h"
#include "storage/engine/read_path.h"
#include "storage/engine/write_path.h"

namespace firn {

// A point read with the way it took.
struct TracedRead {
  std::optional<std::string> value;
  SequenceNumber sequence;  // Of the write that made the value.
  ReadTrace trace;
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // As Database::Open, on the given seams.
  static Result<std::shared_ptr<Engine>> Open(Environment environment, const std::string& directory,
                                              const Options& options);
  ~Engine();

  Result<void> Close();

  Result<void> Write(CommitRequest& request, const WriteOptions& options);
  Result<void> Sync();

  Result<TracedRead> Get(std::string_view key, const ReadOptions& options) const;
  // As Get of the latest state, where memory holds all that it needs. Nothing: the disk is needed.
  Result<std::optional<TracedRead>> GetInMemory(std::string_view key) const;
  Result<std::optional<PinnedValue>> GetPinned(std::string_view key,
                                               const ReadOptions& options) const;
  Result<std::vector<std::optional<std::string>>> MultiGet(std::span<const std::string_view> keys,
                                                           const ReadOptions& options) const;
  Iterator NewIterator(const ScanOptions& options) const;
  // The same, and tells of each row the sequence of the write that made it.
  std::unique_ptr<internal::DatabaseIterator> NewSequencedIterator(
      const ScanOptions& options) const;
  Snapshot TakeSnapshot() const;

  Result<FlushResult> Flush();
  Result<CompactionResult> CompactRange(const ScanOptions& range);
  Result<CompactionResult> CompactLevel(int level);
  // As Database::Checkpoint; tells up to where the copy holds the log that stands in for the WAL.
  Result<AppliedPoint> Checkpoint(const std::string& directory);
  Result<std::uint64_t> Verify() const;

  std::vector<LevelInfo> Levels() const;
  Statistics GetStatistics() const;
  // How much of the log that stands in for the WAL is in tables.
  AppliedPoint Applied() const;
  std::uint64_t AppliedIndex() const { return Applied().index; }
  // For a replica, whose writes come from one thread. Entries of its log that write nothing move
  // the point too.
  Result<void> NoteApplied(AppliedPoint applied);
  // Whether a write that must not wait finds room in memory.
  bool HasRoom() const { return write_path_.HasRoom(); }
  // Freezes memtables of this size from now on; at most a quarter of the budget.
  void SetMemtableBytes(std::size_t bytes);

  std::shared_ptr<const View> CurrentViewReference() const { return parts_.view->Get(); }
  const EngineParts& parts() const { return parts_; }
  // What a handle holds so that nobody else opens the directory under it.
  std::shared_ptr<const FileLock> LockReference() const { return parts_.view->Hold().lock; }
  // kCorruption when an invariant of the tree, or between it and the directory, is broken.
  Result<void> CheckInvariants() const;

 private:
  friend class Opener;
  struct ReadPoint {
    const View* view;
    SequenceNumber sequence;
  };

  Engine(Environment environment, const std::string& directory, const Options& options);
  // The last step of opening: writing and background work may start.
  void Begin(WritePath::Start start);
  void Tick();
  void LookForSpace();
  bool IsIdle();
  std::size_t UnflushedBytes() const;
  Result<void> FlushBeforeClosing();
  Result<void> FlushActive();
  Result<void> CheckOpen() const;
  Result<void> CheckReadable(const Snapshot* snapshot) const;
  Result<void> CheckRequest(const CommitRequest& request, const WriteOptions& options) const;
  ReadPoint PointFor(const Snapshot* snapshot, ReadScope& scope) const;
  Result<Found> Find(std::string_view key, const ReadOptions& options, ReadScope& scope,
                     ReadTrace& trace) const;
  void CountRead(const ReadTrace& trace, bool found) const;

  mutable EngineParts parts_;
  Installer installer_{parts_};
  Flusher flusher_;
  Compactor compactor_{parts_, installer_, flusher_};
  WritePath write_path_{parts_, flusher_};
  Preparer preparer_{*parts_.environment.scheduler, [this] { write_path_.Prepare(); }};
  std::optional<TimerId> timer_;
  // Of the timer: writes as of the tick that saw the last one, and when that was.
  std::uint64_t writes_seen_ = 0;
  bool was_idle_ = false;
  std::chrono::nanoseconds last_write_seen_{0};
  std::uint64_t fork_generation_ = 0;
};

// How many times this process is removed by fork from the one that started it: an engine opened in
// another generation is its parent's.
std::uint64_t ForkGeneration();

}  // namespace firn
