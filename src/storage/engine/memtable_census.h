// SPDX-License-Identifier: Apache-2.0
//
// Which frozen memtables still take memory. One leaves the View when it is flushed, but an
// iterator, a pinned value or a reader in an old epoch keeps it, and so the budget has to know
// about it. Thread-safe; costs a few dozen nanoseconds for each memtable that is alive.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "storage/memtable/memtable.h"

namespace firn {

class MemtableCensus {
 public:
  void Add(std::weak_ptr<const Memtable> frozen) {
    MutexLock lock(mutex_);
    alive_.push_back(std::move(frozen));
  }

  // Of all that were added and not yet freed.
  std::size_t Bytes() {
    MutexLock lock(mutex_);
    std::erase_if(alive_, [](const auto& memtable) { return memtable.expired(); });
    std::size_t bytes = 0;
    for (const auto& memtable : alive_) {
      if (const std::shared_ptr<const Memtable> held = memtable.lock()) {
        bytes += held->memory_bytes();
      }
    }
    return bytes;
  }

 private:
  Mutex mutex_;
  std::vector<std::weak_ptr<const Memtable>> alive_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn
