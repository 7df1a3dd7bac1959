// SPDX-License-Identifier: Apache-2.0
//
// Writes frozen memtables as tables of level 0, oldest first, as background tasks. A flush that
// finds the disk full is tried again, ever less often (backoff.h); any other failure ends writing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "firn/result.h"
#include "firn/statistics.h"
#include "storage/engine/installer.h"
#include "storage/engine/parts.h"

namespace firn {

class Flusher {
 public:
  struct Hooks {
    // After a flush: log segments below are not needed.
    std::function<Result<void>(WalNumber min_live)> release_log;
    // After a flush: level 0 has grown.
    std::function<void()> on_flushed;
  };

  Flusher(EngineParts& parts, Installer& installer, Hooks hooks)
      : parts_(parts), installer_(installer), hooks_(std::move(hooks)) {}

  // A memtable was frozen, or space may have come back: flush in the background, unless that failed
  // a moment ago.
  void Kick();

  // Flushes on this thread what is frozen; false when something was left for want of success or
  // because of Stop. Only on the flush lane: how a long task there lets flushes through.
  bool FlushPending();
  bool HasPending() const;

  // Waits until the memtable of `ticket` is in tables. The result is the table it became; only for
  // tickets announced by Expect. kNoSpace when the disk is full, kReadOnly when writing has ended.
  Result<FlushResult> Await(std::uint64_t ticket);
  void Expect(std::uint64_t ticket);
  void Forget(std::uint64_t ticket);

  // Waits until fewer than `count` memtables are frozen, or that cannot happen.
  Result<void> AwaitFewerThan(std::size_t count);

  // Waits for a flush that runs or is about to, however it ends.
  void AwaitRunning();

  // Waits for running tasks and starts no more.
  void Stop();

 private:
  Result<FlushResult> FlushOldest(FrozenMemtable frozen);
  // One, or a few with keys apart from each other (flush_cut.h).
  Result<std::vector<TableMeta>> WriteTables(const FrozenMemtable& frozen,
                                             const std::vector<SequenceNumber>& readers);
  Result<void> WriteAll(const FrozenMemtable& frozen, const std::vector<SequenceNumber>& readers,
                        std::vector<TableMeta>& tables);
  void NoteFailure(const Error& error);
  std::optional<FrozenMemtable> Oldest() const;
  void DropOldEmptyTables(VersionEdit& edit) const;
  bool IsExpected(std::uint64_t ticket) const;
  bool IsStopped() const;
  Result<void> WhyNot() const;

  EngineParts& parts_;
  Installer& installer_;
  const Hooks hooks_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool scheduled_ FIRN_GUARDED_BY(mutex_) = false;
  bool stopped_ FIRN_GUARDED_BY(mutex_) = false;
  std::uint64_t flushed_ticket_ FIRN_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::optional<FlushResult>> expected_ FIRN_GUARDED_BY(mutex_);
};

TableInfo InfoOf(const TableMeta& table);

}  // namespace firn
