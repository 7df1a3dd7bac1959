// SPDX-License-Identifier: Apache-2.0
//
// What a read looks at: the active memtable, the frozen ones that wait to be flushed, and the
// tables. A View never changes (its active memtable grows); the current one is replaced as a whole.
// Readers find it under an epoch guard without a lock; one that lasts longer holds a reference.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
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

// Holds the current View and makes the next one from it. Thread-safe.
class CurrentView {
 public:
  explicit CurrentView(std::shared_ptr<const View> first);
  ~CurrentView();

  // The View as of now; holds as long as the caller's epoch guard.
  const View* Peek() const { return current_.load(std::memory_order_acquire); }
  // A reference to it. Never null.
  std::shared_ptr<const View> Get() const;

  // Publishes a copy of the current View that `change` has edited. Short: runs under a mutex.
  void Change(const std::function<void(View&)>& change);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const View> owner_ FIRN_GUARDED_BY(mutex_);
  std::atomic<const View*> current_;
};

}  // namespace firn
