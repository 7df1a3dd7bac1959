// SPDX-License-Identifier: Apache-2.0
//
// Whether the database may write. The first failed write or sync ends writing with its error for as
// long as the database is open: after a failed fsync Linux marks the pages clean, so nothing that
// is tried again can be believed. A full disk is another thing: background work that met it is
// tried again, and writes that need that work fail with kNoSpace until it succeeds. Thread-safe.
#pragma once

#include <atomic>
#include <optional>

#include "base/mutex.h"
#include "firn/result.h"

namespace firn {

class Health {
 public:
  // Notes a failure of writing. kNoSpace and kCorruption do not end writing: the one passes, the
  // other was met while reading.
  void NoteFailure(const Error& error) {
    if (error.code == ErrorCode::kNoSpace) {
      MutexLock lock(mutex_);
      no_space_ = error;
      has_no_space_.store(true, std::memory_order_release);
    } else if (error.code == ErrorCode::kIo) {
      Stop(error);
    }
  }

  // Background work that had failed for want of space succeeded.
  void NoteSpace() {
    if (has_no_space_.load(std::memory_order_acquire)) {
      MutexLock lock(mutex_);
      no_space_.reset();
      has_no_space_.store(false, std::memory_order_release);
    }
  }

  // Ends writing for good.
  void Stop(const Error& error) {
    MutexLock lock(mutex_);
    if (!fatal_) {
      fatal_ = error;
      stopped_.store(true, std::memory_order_release);
    }
  }

  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

  // Ok, or kReadOnly with the first failure in its text.
  Result<void> CheckWritable() const {
    if (!stopped()) [[likely]] {
      return {};
    }
    MutexLock lock(mutex_);
    return Error{ErrorCode::kReadOnly, "writing ended with " + fatal_->Describe()};
  }

  // The failure that made background work wait for space, while it lasts.
  std::optional<Error> no_space() const {
    if (!has_no_space_.load(std::memory_order_acquire)) {
      return std::nullopt;
    }
    MutexLock lock(mutex_);
    return no_space_;
  }

 private:
  std::atomic<bool> stopped_{false};
  std::atomic<bool> has_no_space_{false};
  mutable Mutex mutex_;
  std::optional<Error> fatal_ FIRN_GUARDED_BY(mutex_);
  std::optional<Error> no_space_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn
