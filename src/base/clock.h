// SPDX-License-Identifier: Apache-2.0
//
// The only source of time. Monotonic: it orders moments within a process and says nothing about the
// wall. Tests step a ManualClock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace firn {

class Clock {
 public:
  virtual ~Clock() = default;
  // Time since an arbitrary start. Thread-safe.
  virtual std::chrono::nanoseconds Now() const = 0;
};

class MonotonicClock final : public Clock {
 public:
  std::chrono::nanoseconds Now() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
};

class ManualClock final : public Clock {
 public:
  std::chrono::nanoseconds Now() const override {
    return std::chrono::nanoseconds(now_.load(std::memory_order_relaxed));
  }
  void Advance(std::chrono::nanoseconds step) {
    now_.fetch_add(step.count(), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> now_{0};
};

}  // namespace firn
