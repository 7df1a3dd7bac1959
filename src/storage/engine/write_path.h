// SPDX-License-Identifier: Apache-2.0
//
// The way of a write: admission (delays, waiting for memory), then commit (log, memtable,
// publishing the sequence) by whichever thread holds the right to it, then, when asked for, waiting
// for the disk outside of that right, so that the next group fills meanwhile. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "storage/engine/commit_queue.h"
#include "storage/engine/flusher.h"
#include "storage/engine/parts.h"
#include "storage/memtable/insertion.h"
#include "storage/wal/log.h"

namespace firn {

class WritePath {
 public:
  WritePath(EngineParts& parts, Flusher& flusher) : parts_(parts), flusher_(flusher) {}

  // Before the first write: where recovery left off. `log` is null without a WAL.
  struct Start {
    std::unique_ptr<Log> log;
    SequenceNumber last_sequence;
    AppliedPoint applied;
    std::uint64_t next_ticket = 1;
  };
  void Begin(Start start);

  // Sizes are checked by the caller.
  Result<void> Write(CommitRequest& request, Durability durability);

  // Everything acknowledged so far survives power loss.
  Result<void> Sync();

  // Whether a write would find room in memory without waiting for a flush.
  bool HasRoom() const { return !active_is_full_.load(std::memory_order_relaxed) || MayFreeze(); }
  // Without a WAL: the log that stands in for it was applied up to there, with or without writes.
  Result<void> NoteApplied(AppliedPoint applied);
  // The last applied index that was written or noted, also where no table says so yet.
  Result<std::uint64_t> AppliedIndex();

  // Freezes the active memtable, an empty one too, and returns its ticket.
  Result<std::uint64_t> Freeze();

  // Called now and then: syncs what was written since the last time, marks an idle log, and retries
  // what had no space.
  void Tick();

  // Syncs and marks the log, and refuses every later write.
  Result<void> Close();

  Result<void> ReleaseLog(WalNumber min_live);
  // Makes memory ready that the next writes will come to. One thread at a time, until Close.
  void Prepare();
  LogCounters log_counters() const;

 private:
  // All of these run with the right to commit.
  void CommitGroup(const CommitQueue::Group& group);
  std::size_t CommitSome(const CommitQueue::Group& group, std::size_t first);
  Result<void> Append(const CommitQueue::Group& group, std::size_t first, std::size_t end);
  void Insert(const CommitRequest& request, const InsertionPoint& expected);
  Result<std::uint64_t> SwitchMemtable();
  bool ActiveIsFull() const;
  bool MayFreeze() const;  // Or too many memtables wait to be flushed.

  Result<void> RunExclusively(const std::function<Result<void>()>& action);
  Result<void> AwaitMemory();
  void PauseFor(std::uint64_t bytes);
  void StopUnlessFull(const Error& error);
  Result<void> SyncLog();

  EngineParts& parts_;
  Flusher& flusher_;
  CommitQueue queue_;
  std::unique_ptr<Log> log_;

  // Of the holder of the right to commit.
  std::shared_ptr<Memtable> active_;
  std::uint64_t active_ticket_ = 1;
  std::uint64_t last_sequence_ = 0;
  AppliedPoint applied_;
  bool closed_ = false;
  std::vector<std::string_view> append_parts_;
  std::vector<char> append_heads_;
  std::vector<InsertionPoint> expected_;

  // Read by writers before they commit.
  std::atomic<bool> active_is_full_{false};
  std::atomic<std::uint64_t> appended_{0};  // Records, ever.
  std::atomic<std::uint64_t> synced_{0};    // appended_ as of the last sync begun and ended well.
};

}  // namespace firn
