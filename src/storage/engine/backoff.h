// SPDX-License-Identifier: Apache-2.0
//
// When to try again what found no space: after a tenth of a second, then twice as long each time,
// up to a few seconds, so that a full disk is not written to and cleared again all the time; and at
// once when the file system has more free bytes than when it failed. Where space comes back unseen,
// as with quotas, the time alone decides. Thread-safe; asking costs one load while nothing failed.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/mutex.h"

namespace firn {

class Backoff {
 public:
  static constexpr std::chrono::nanoseconds kShortest = std::chrono::milliseconds(100);
  static constexpr std::chrono::nanoseconds kLongest = std::chrono::milliseconds(3'200);

  void NoteFailure(std::chrono::nanoseconds now, std::uint64_t free_bytes) {
    MutexLock lock(mutex_);
    delay_ = delay_.count() == 0 ? kShortest : std::min(2 * delay_, kLongest);
    due_ = now + delay_;
    free_bytes_ = free_bytes;
    waiting_.store(true, std::memory_order_relaxed);
  }

  void NoteSuccess() {
    if (waiting_.load(std::memory_order_relaxed)) {
      MutexLock lock(mutex_);
      delay_ = std::chrono::nanoseconds(0);
      waiting_.store(false, std::memory_order_relaxed);
    }
  }

  // Whether it failed and has not succeeded since.
  bool waiting() const { return waiting_.load(std::memory_order_relaxed); }

  bool IsDue(std::chrono::nanoseconds now) const {
    if (!waiting()) [[likely]] {
      return true;
    }
    MutexLock lock(mutex_);
    return now >= due_;
  }

  // What is free now. Small changes are the traffic of others.
  void NoteFree(std::chrono::nanoseconds now, std::uint64_t free_bytes) {
    constexpr std::uint64_t kWorthATry = std::uint64_t{1} << 20;
    MutexLock lock(mutex_);
    if (free_bytes >= free_bytes_ + kWorthATry) {
      due_ = std::min(due_, now);
      delay_ = std::chrono::nanoseconds(0);
    }
  }

 private:
  std::atomic<bool> waiting_{false};
  mutable Mutex mutex_;
  std::chrono::nanoseconds delay_ FIRN_GUARDED_BY(mutex_){0};
  std::chrono::nanoseconds due_ FIRN_GUARDED_BY(mutex_){0};
  std::uint64_t free_bytes_ FIRN_GUARDED_BY(mutex_) = 0;
};

}  // namespace firn
