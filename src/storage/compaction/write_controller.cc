// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/write_controller.h"

#include <algorithm>
#include <cmath>

namespace firn {
namespace {

using std::chrono::duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Pressure starts when level 0 is twice as full as makes it due, and is full at four times.
constexpr double kLevel0Soft = 2;
constexpr double kLevel0Hard = 4;
// The same for debt, as multiples of what level 0 may hold.
constexpr double kDebtSoft = 20;
constexpr double kDebtHard = 60;

constexpr double kSlowestShare = 0.75;
constexpr double kSmoothingSeconds = 5;
// Many short pauses are felt by more writes than few long ones, at the same rate: of records of 420
// bytes one in a thousand paused for 1 ms, of 1 KB one in fifty for 0.25. So a pause is as long as
// makes it rare. Records so large that this would take too long pause shortly and often instead.
// Longer ones than the longest are taken in pieces.
constexpr int kWritesForAPause = 1500;
constexpr nanoseconds kRarePauseMin = milliseconds(4);
constexpr nanoseconds kRarePauseMax = milliseconds(12);
constexpr nanoseconds kFrequentPause = microseconds(250);
constexpr nanoseconds kLongestPause = milliseconds(20);

double Ramp(double value, double soft, double hard) {
  return std::clamp((value - soft) / (hard - soft), 0.0, 1.0);
}

}  // namespace

WritePressure PressureOf(const Version& version, const LevelLimits& limits) {
  const double level0 = Ramp(Fullness(version, 0, limits), kLevel0Soft, kLevel0Hard);
  const double debt_ratio = static_cast<double>(CompactionDebt(version, limits)) /
                            static_cast<double>(limits.MaxBytes(0));
  const double debt = Ramp(debt_ratio, kDebtSoft, kDebtHard);
  return level0 >= debt ? WritePressure{.value = level0, .cause = DelayCause::kLevel0}
                        : WritePressure{.value = debt, .cause = DelayCause::kDebt};
}

double AllowedRate(double pressure, double drain_bytes_per_second) {
  return drain_bytes_per_second * (1 / pressure - 1 + kSlowestShare);
}

void WriteController::SetPressure(WritePressure pressure) {
  MutexLock lock(mutex_);
  pressure_ = pressure;
  under_pressure_.store(pressure.value > 0, std::memory_order_relaxed);
}

void WriteController::NoteDrained(std::uint64_t bytes, nanoseconds took) {
  const double seconds = std::max(1e-6, duration<double>(took).count());
  const double weight = 1 - std::exp(-seconds / kSmoothingSeconds);
  MutexLock lock(mutex_);
  drain_rate_ += weight * (static_cast<double>(bytes) / seconds - drain_rate_);
  drain_rate_ = std::max(drain_rate_, 1e6);
}

std::optional<WriteController::Delay> WriteController::Charge(std::uint64_t bytes,
                                                              nanoseconds now) {
  MutexLock lock(mutex_);
  if (pressure_.value <= 0) {
    return std::nullopt;
  }
  const double rate = AllowedRate(pressure_.value, drain_rate_);
  const auto cost = nanoseconds(static_cast<std::int64_t>(static_cast<double>(bytes) / rate * 1e9));
  next_free_ = std::max(next_free_, now) + cost;
  const nanoseconds wait = next_free_ - now;
  const nanoseconds rare = std::max(kRarePauseMin, kWritesForAPause * cost);
  if (wait < (rare <= kRarePauseMax ? rare : kFrequentPause)) {
    return std::nullopt;
  }
  return Delay{.duration = std::min(wait, kLongestPause), .cause = pressure_.cause};
}

}  // namespace firn
