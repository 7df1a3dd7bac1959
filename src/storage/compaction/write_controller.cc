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

// Where a pressure starts and where it is full.
struct Ramp {
  double soft;
  double hard;
};
// As multiples of what makes level 0 due, in bytes and in tables, and of what level 1 may hold.
constexpr Ramp kPaceLevel0Bytes = {.soft = 1.25, .hard = 2};
constexpr Ramp kPaceLevel0Tables = {.soft = 2, .hard = 4};
constexpr Ramp kPaceDebt = {.soft = 5, .hard = 15};
// A burst is better gathered and merged at once than merged many times.
constexpr Ramp kLevel0Bytes = {.soft = 4, .hard = 8};
constexpr Ramp kLevel0Tables = {.soft = 2.5, .hard = 5.5};
constexpr Ramp kDebt = {.soft = 20, .hard = 60};

// Of the drain, what writers get when a pressure is full. What is far behind has to become less
// while a merge of all of it still runs.
constexpr double kLeastShareOfPace = 0.75;
constexpr double kLeastShareOfLevel = 0.25;

constexpr double kSmoothingSeconds = 5;
constexpr double kRateMin = 1e6;
// Many short pauses are felt by more writes than few long ones, at the same rate: of records of 420
// bytes one in a thousand paused for 1 ms, of 1 KB one in fifty for 0.25. So a pause is as long as
// makes it rare. Records so large that this would take too long pause shortly and often instead.
// Longer ones than the longest are taken in pieces; but a record that costs more by itself pays for
// that, since all might be as large.
constexpr int kWritesForAPause = 1500;
constexpr nanoseconds kRarePauseMin = milliseconds(4);
constexpr nanoseconds kFrequentPause = microseconds(250);
constexpr nanoseconds kLongestPause = milliseconds(20);
constexpr nanoseconds kLongestPauseOfLargeRecords = std::chrono::seconds(1);

double Climb(const Ramp& ramp, double multiple) {
  return std::clamp((multiple - ramp.soft) / (ramp.hard - ramp.soft), 0.0, 1.0);
}

double Multiple(std::uint64_t value, std::uint64_t unit) {
  return static_cast<double>(value) / static_cast<double>(unit);
}

void Smooth(double& rate, std::uint64_t bytes, nanoseconds took) {
  const double seconds = std::max(1e-6, duration<double>(took).count());
  const double weight = 1 - std::exp(-seconds / kSmoothingSeconds);
  rate = std::max(rate + weight * (static_cast<double>(bytes) / seconds - rate), kRateMin);
}

// A merge of level 0 reads all of level 1 with it.
double ShareOfLevel0(const Version& version) {
  const auto level0 = static_cast<double>(version.bytes(0));
  return level0 > 0 ? level0 / (level0 + static_cast<double>(version.bytes(1))) : 1;
}

// A byte that has come into level 1 goes down through every level that is too full, and takes its
// part of the next one along each time.
double ShareOfDebt(const Version& version, const LevelLimits& limits) {
  double read = 0;
  for (int level = 1; level + 1 < kLevelCount && Fullness(version, level, limits) > 1; ++level) {
    read += 1 + static_cast<double>(version.bytes(level + 1)) /
                    static_cast<double>(version.bytes(level));
  }
  return read > 0 ? 1 / read : 1;
}

}  // namespace

WritePressure PressureOf(const Version& version, const LevelLimits& limits, bool merges_run) {
  const double bytes = Multiple(version.bytes(0), limits.MaxBytes(0));
  const double tables = Multiple(version.level0_newest_first().size(), limits.level0_tables_max);
  const double debt = Multiple(CompactionDebt(version, limits), limits.MaxBytes(1));
  const double level0_pace =
      std::max(Climb(kPaceLevel0Bytes, bytes), Climb(kPaceLevel0Tables, tables));
  const double debt_pace = Climb(kPaceDebt, debt);
  WritePressure pressure{
      .pace = std::max(level0_pace, debt_pace),
      .pace_cause = level0_pace >= debt_pace ? DelayCause::kLevel0 : DelayCause::kDebt};
  if (merges_run) {
    const double level0 = std::max(Climb(kLevel0Bytes, bytes), Climb(kLevel0Tables, tables));
    // While level 0 waits, what leaves level 1 is what it waits for.
    const double waiting = Level0Waits(version, limits) ? level0 : 0;
    pressure.level0 = {.value = level0, .share = ShareOfLevel0(version)};
    pressure.debt = {.value = std::max(Climb(kDebt, debt), waiting),
                     .share = ShareOfDebt(version, limits)};
  }
  return pressure;
}

double AllowedRate(double pressure, double drain_bytes_per_second, double least_share) {
  return drain_bytes_per_second * (1 / pressure - 1 + least_share);
}

void WriteController::SetPressure(WritePressure pressure) {
  MutexLock lock(mutex_);
  pressure_ = pressure;
  under_pressure_.store(pressure.pace > 0 || pressure.level0.value > 0 || pressure.debt.value > 0,
                        std::memory_order_relaxed);
}

void WriteController::NoteFlushed(const Work& work) {
  MutexLock lock(mutex_);
  Smooth(written_rate_, work.bytes_written, work.took);
}

void WriteController::NoteMerged(DelayCause part, const Work& work) {
  MutexLock lock(mutex_);
  Smooth(written_rate_, work.bytes_written, work.took);
  Smooth(read_rates_[static_cast<std::size_t>(part)], work.bytes_read, work.took);
}

std::optional<WriteController::Limit> WriteController::CurrentLimit() const {
  std::optional<Limit> slowest;
  auto consider = [&slowest](double pressure, double drain, double least_share, DelayCause cause) {
    if (pressure <= 0) {
      return;
    }
    const double rate = AllowedRate(pressure, drain, least_share);
    if (!slowest || rate < slowest->bytes_per_second) {
      slowest = {.bytes_per_second = rate, .cause = cause};
    }
  };
  const WritePressure::Part& level0 = pressure_.level0;
  const WritePressure::Part& debt = pressure_.debt;
  consider(pressure_.pace, written_rate_, kLeastShareOfPace, pressure_.pace_cause);
  consider(level0.value, level0.share * read_rates_[0], kLeastShareOfLevel, DelayCause::kLevel0);
  consider(debt.value, debt.share * read_rates_[1], kLeastShareOfLevel, DelayCause::kDebt);
  return slowest;
}

std::optional<WriteController::Delay> WriteController::Charge(std::uint64_t bytes,
                                                              nanoseconds now) {
  MutexLock lock(mutex_);
  const std::optional<Limit> limit = CurrentLimit();
  if (!limit) {
    return std::nullopt;
  }
  const auto cost = nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(bytes) / limit->bytes_per_second * 1e9));
  next_free_ = std::max(next_free_, now) + cost;
  const nanoseconds wait = next_free_ - now;
  const nanoseconds rare = std::max(kRarePauseMin, kWritesForAPause * cost);
  if (wait < (rare <= kLongestPause ? rare : kFrequentPause)) {
    return std::nullopt;
  }
  return Delay{
      .duration = std::min(wait, std::clamp(cost, kLongestPause, kLongestPauseOfLargeRecords)),
      .cause = limit->cause};
}

}  // namespace firn
