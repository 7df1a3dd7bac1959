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

// Where pressure starts and where it is full: bytes and tables of level 0, as multiples of what
// makes it due,
constexpr double kLevel0BytesSoft = 1.25;
constexpr double kLevel0BytesHard = 2;
constexpr double kLevel0TablesSoft = 2;
constexpr double kLevel0TablesHard = 4;
// and debt, as multiples of what level 1 may hold.
constexpr double kDebtSoft = 5;
constexpr double kDebtHard = 15;

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

double Ramp(std::uint64_t value, std::uint64_t unit, double soft, double hard) {
  const double multiple = static_cast<double>(value) / static_cast<double>(unit);
  return std::clamp((multiple - soft) / (hard - soft), 0.0, 1.0);
}

}  // namespace

WritePressure PressureOf(const Version& version, const LevelLimits& limits) {
  const double level0_bytes =
      Ramp(version.bytes(0), limits.MaxBytes(0), kLevel0BytesSoft, kLevel0BytesHard);
  const double level0_tables = Ramp(version.level0_newest_first().size(), limits.level0_tables_max,
                                    kLevel0TablesSoft, kLevel0TablesHard);
  const double level0 = std::max(level0_bytes, level0_tables);
  const double debt =
      Ramp(CompactionDebt(version, limits), limits.MaxBytes(1), kDebtSoft, kDebtHard);
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
