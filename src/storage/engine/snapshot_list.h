// SPDX-License-Identifier: Apache-2.0
//
// The open snapshots of a database: which old versions somebody may still read. Thread-safe.
#pragma once

#include <atomic>
#include <set>
#include <vector>

#include "base/mutex.h"
#include "base/strong_id.h"

namespace firn {

class SnapshotList {
 public:
  // `visible` is the sequence of the latest published write.
  explicit SnapshotList(const std::atomic<std::uint64_t>& visible) : visible_(visible) {}

  SequenceNumber Take() {
    MutexLock lock(mutex_);
    const SequenceNumber sequence{visible_.load(std::memory_order_acquire)};
    open_.insert(sequence);
    return sequence;
  }

  void Release(SequenceNumber sequence) {
    MutexLock lock(mutex_);
    open_.erase(open_.find(sequence));
  }

  // The sequences of all readers that old versions must be kept for: each open snapshot once,
  // ascending, and last the latest published write. A snapshot taken later is not below the last.
  std::vector<SequenceNumber> Readers() const {
    MutexLock lock(mutex_);
    std::vector<SequenceNumber> readers;
    for (SequenceNumber sequence : open_) {
      if (readers.empty() || readers.back() != sequence) {
        readers.push_back(sequence);
      }
    }
    const SequenceNumber latest{visible_.load(std::memory_order_acquire)};
    if (readers.empty() || readers.back() != latest) {
      readers.push_back(latest);
    }
    return readers;
  }

 private:
  const std::atomic<std::uint64_t>& visible_;
  mutable Mutex mutex_;
  std::multiset<SequenceNumber> open_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn
