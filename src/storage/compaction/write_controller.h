// SPDX-License-Identifier: Apache-2.0
//
// How much writers are slowed while compaction is behind. The pressure grows from 0 to 1 as level 0
// and the compaction debt grow from "due" to "far behind"; writers get a rate that falls smoothly
// from unlimited to three quarters of what compaction has lately been draining. There is no step
// and no stop: what stops writers is memory alone, and that is decided elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/mutex.h"
#include "storage/compaction/picker.h"

namespace firn {

enum class DelayCause : std::uint8_t { kLevel0, kDebt };

struct WritePressure {
  double value = 0;  // 0: none, 1: as slow as it gets.
  DelayCause cause = DelayCause::kLevel0;
};

// Pure: what the shape of the tree asks for.
WritePressure PressureOf(const Version& version, const LevelLimits& limits);

// Bytes per second that writers may add under a pressure above 0.
double AllowedRate(double pressure, double drain_bytes_per_second);

// Thread-safe.
class WriteController {
 public:
  struct Delay {
    std::chrono::nanoseconds duration;
    DelayCause cause;
  };

  // After every change of the tree.
  void SetPressure(WritePressure pressure);
  // After every flush or compaction: bytes it wrote and how long it took. Smoothed over about 5 s.
  void NoteDrained(std::uint64_t bytes, std::chrono::nanoseconds took);

  bool under_pressure() const { return under_pressure_.load(std::memory_order_relaxed); }
  // Charges a write of `bytes` made at `now`; returns how long its writer has to pause, if at all.
  std::optional<Delay> Charge(std::uint64_t bytes, std::chrono::nanoseconds now);

 private:
  std::atomic<bool> under_pressure_{false};
  Mutex mutex_;
  WritePressure pressure_ FIRN_GUARDED_BY(mutex_);
  double drain_rate_ FIRN_GUARDED_BY(mutex_) = 64e6;
  std::chrono::nanoseconds next_free_ FIRN_GUARDED_BY(mutex_){0};
};

}  // namespace firn
