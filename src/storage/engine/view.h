// SPDX-License-Identifier: Apache-2.0
//
// What a read looks at: the active memtable, the frozen ones that wait to be flushed, and the
// tables. A View never changes (its active memtable grows); the current one is replaced as a whole.
// Readers find it under an epoch guard without a lock; one that lasts longer holds a reference, of
// which each thread copies its own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "io/file_system.h"
#include "storage/memtable/memtable.h"
#include "storage/read_scope.h"
#include "storage/version/version.h"

namespace firn {

// A full memtable on its way to level 0.
struct FrozenMemtable {
  std::shared_ptr<const Memtable> memtable;
  std::uint64_t ticket = 0;      // Counts memtables; flushed in this order.
  WalNumber next_wal;            // Once it is flushed, segments below are not needed for it.
  SequenceNumber last_sequence;  // Of the writes in it and before it.
  AppliedPoint applied;          // Likewise.
};

struct View final : ReadOwner {
  std::shared_ptr<Memtable> active;
  std::vector<FrozenMemtable> frozen_newest_first;
  std::shared_ptr<const Version> version;
  // Versions hidden from readers at or above this sequence may be gone. A reader without a snapshot
  // that chose an older sequence chooses again (docs/invariants.md I-E2).
  SequenceNumber oldest_readable;
};

// What a reader holds that may outlive the database: nobody else opens the directory under it. The
// lock goes last: with the last View of a table its file goes.
struct ViewHold {
  std::shared_ptr<const FileLock> lock;  // Null when read-only, and once the database is closed.
  std::shared_ptr<const View> view;      // Never null.
};

// Holds the current View and makes the next one from it. Thread-safe.
class CurrentView {
 public:
  CurrentView(std::shared_ptr<const View> first, const std::shared_ptr<const FileLock>& lock);
  ~CurrentView();

  // The View as of now; holds as long as the caller's epoch guard.
  const View* Peek() const { return current_.load(std::memory_order_acquire); }
  // References to it. While Change runs they may be to the one before.
  std::shared_ptr<const View> Get() const { return Hold().view; }
  ViewHold Hold() const;

  // Publishes a copy of the current View that `change` has edited. Short: runs under a mutex.
  void Change(const std::function<void(View&)>& change);
  // The directory stays locked for as long as somebody holds it.
  void Unlock();

 private:
  static constexpr std::size_t kStripes = 16;

  // Threads that copied one pointer would wait for each other's counting. Here each has a line of
  // its own, and pointers whose counts have lines of their own.
  struct alignas(64) Stripe {
    Mutex mutex;
    ViewHold hold FIRN_GUARDED_BY(mutex);
  };

  void ShowToReaders(const std::shared_ptr<const View>& view);

  mutable std::array<Stripe, kStripes> stripes_;
  mutable Mutex mutex_;
  std::shared_ptr<const View> owner_ FIRN_GUARDED_BY(mutex_);
  std::atomic<const View*> current_;
};

}  // namespace firn
