// SPDX-License-Identifier: Apache-2.0
//
// Scans that are streamed hold a snapshot for as long as their readers take, so their number is
// bounded and a reader that takes nothing for too long loses its stream. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"

namespace firn::server {

class StreamWatch {
 public:
  struct Bounds {
    std::size_t count_max = 0;
    std::chrono::nanoseconds idle_max{0};
  };

  // `clock` outlives the watch.
  StreamWatch(const Clock& clock, const Bounds& bounds) : clock_(clock), bounds_(bounds) {}

  // Nothing when there are too many. `cancel` is called at most once, by Sweep, only until Remove
  // has returned; it must not call the watch and must not block.
  std::optional<std::uint64_t> Add(std::function<void()> cancel) FIRN_EXCLUDES(mutex_);
  // It made progress.
  void Touch(std::uint64_t stream) FIRN_EXCLUDES(mutex_);
  void Remove(std::uint64_t stream) FIRN_EXCLUDES(mutex_);
  // Cancels those that stood still for too long; to be called now and then.
  void Sweep() FIRN_EXCLUDES(mutex_);

  std::size_t size() const FIRN_EXCLUDES(mutex_);

 private:
  struct Stream {
    std::function<void()> cancel;  // Null once it was called.
    std::chrono::nanoseconds due{0};
  };

  const Clock& clock_;
  const Bounds bounds_;
  mutable Mutex mutex_;
  std::uint64_t last_ FIRN_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Stream> streams_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn::server
