// SPDX-License-Identifier: Apache-2.0
//
// How much writers are slowed while compaction is behind. A pressure grows from 0 to 1 between two
// sizes, and writers get a rate that falls smoothly from unlimited to a part of a drain. There are
// three, and the slowest counts:
//   pace    As soon as level 0 or the debt is above what is due. The drain is what flushes and
//           merges write, so that flushes keep up and memory need not stop anybody.
//   level0  When level 0 has become many times as large as what makes it due. The drain is what
//   debt    merges take out of it, or out of level 1: what they read, times the share of it that
//           leaves the level, as the rest lay below. So neither grows for ever, however fast the
//           writer.
// There is no step and no stop: what stops writers is memory alone, and that is decided elsewhere.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/mutex.h"
#include "storage/compaction/picker.h"

namespace firn {

enum class DelayCause : std::uint8_t { kLevel0, kDebt };

struct WritePressure {
  // A value of 0 is none, 1 is as slow as it gets.
  struct Part {
    double value = 0;
    double share = 1;  // Of the bytes that merges read, those that leave the level.
  };
  double pace = 0;
  DelayCause pace_cause = DelayCause::kLevel0;
  Part level0{};
  Part debt{};
};

// Pure: what the shape of the tree asks for. Where nothing is merged in the background nothing
// leaves a level, and only the pace counts.
WritePressure PressureOf(const Version& version, const LevelLimits& limits, bool merges_run);

// Bytes per second that writers may add under a pressure above 0; at 1 `least_share` of the drain.
double AllowedRate(double pressure, double drain_bytes_per_second, double least_share);

// Thread-safe.
class WriteController {
 public:
  struct Delay {
    std::chrono::nanoseconds duration;
    DelayCause cause;
  };

  // After every change of the tree.
  void SetPressure(WritePressure pressure);
  struct Work {
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
    std::chrono::nanoseconds took{0};
  };
  // After every flush, and every merge of level 0 or of a deeper one. Smoothed over about 5 s.
  void NoteFlushed(const Work& work);
  void NoteMerged(DelayCause part, const Work& work);

  bool under_pressure() const { return under_pressure_.load(std::memory_order_relaxed); }
  // Charges a write of `bytes` made at `now`; returns how long its writer has to pause, if at all.
  std::optional<Delay> Charge(std::uint64_t bytes, std::chrono::nanoseconds now);

 private:
  struct Limit {
    double bytes_per_second;
    DelayCause cause;
  };
  std::optional<Limit> CurrentLimit() const FIRN_REQUIRES(mutex_);

  std::atomic<bool> under_pressure_{false};
  Mutex mutex_;
  WritePressure pressure_ FIRN_GUARDED_BY(mutex_);
  // Bytes in a second; before anything has ended a careful guess.
  double written_rate_ FIRN_GUARDED_BY(mutex_) = 64e6;
  std::array<double, 2> read_rates_ FIRN_GUARDED_BY(mutex_) = {64e6, 64e6};  // By DelayCause.
  std::chrono::nanoseconds next_free_ FIRN_GUARDED_BY(mutex_){0};
};

}  // namespace firn
