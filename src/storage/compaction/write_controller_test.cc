// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/write_controller.h"

#include <gtest/gtest.h>

namespace firn {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(WriteController, AsksNothingWithoutPressure) {
  WriteController controller;
  EXPECT_FALSE(controller.under_pressure());
  controller.SetPressure({.pace = 0.5});
  EXPECT_TRUE(controller.under_pressure());
  controller.SetPressure({});
  EXPECT_FALSE(controller.under_pressure());
}

TEST(WriteController, TheRateFallsSmoothlyFromUnlimitedToBelowTheDrain) {
  double last = 1e18;
  for (double pressure = 0.01; pressure <= 1.0; pressure += 0.01) {
    const double rate = AllowedRate(pressure, 100e6, 0.75);
    EXPECT_LT(rate, last);
    last = rate;
  }
  EXPECT_GT(AllowedRate(0.01, 100e6, 0.75), 9e9);
  EXPECT_NEAR(AllowedRate(1, 100e6, 0.75), 75e6, 1);
}

// A writer that obeys the delays gets the allowed rate, in steps of at most 20 ms.
TEST(WriteController, AnObedientWriterGetsTheAllowedRate) {
  WriteController controller;
  controller.SetPressure({.pace = 1});
  nanoseconds now = seconds(1);
  const nanoseconds start = now;
  std::uint64_t bytes = 0;
  while (now < start + seconds(10)) {
    bytes += 100'000;
    if (const auto delay = controller.Charge(100'000, now)) {
      ASSERT_LE(delay->duration, milliseconds(20));
      ASSERT_EQ(delay->cause, DelayCause::kLevel0);
      now += delay->duration;
    }
    now += nanoseconds(1000);
  }
  EXPECT_NEAR(static_cast<double>(bytes) / 10, 0.75 * 64e6, 1e6);
}

struct Pauses {
  int count = 0;
  nanoseconds longest{0};
};
constexpr int kWrites = 50'000;

Pauses PausesOf(std::uint64_t record_bytes, std::uint64_t drain_bytes_per_second) {
  WriteController controller;
  controller.NoteFlushed({.bytes_written = 100 * drain_bytes_per_second, .took = seconds(100)});
  controller.SetPressure({.pace = 0.5});
  Pauses pauses;
  nanoseconds now{0};
  for (int i = 0; i < kWrites; ++i) {
    if (const auto delay = controller.Charge(record_bytes, now)) {
      ++pauses.count;
      pauses.longest = std::max(pauses.longest, delay->duration);
      now += delay->duration;
    }
  }
  return pauses;
}

TEST(WriteController, PausesAreRareOrShort) {
  for (const std::uint64_t bytes : {100u, 400u, 1'000u, 4'000u, 100'000u}) {
    const Pauses pauses = PausesOf(bytes, 300'000'000);
    ASSERT_GT(pauses.count, 0);
    EXPECT_TRUE(pauses.count <= kWrites / 1000 || pauses.longest < milliseconds(1)) << bytes;
  }
}

TEST(WriteController, OneRecordInAThousandPausesWhereThatTakesMillisecondsOnly) {
  for (const std::uint64_t drain : {50'000'000u, 100'000'000u, 300'000'000u}) {
    for (const std::uint64_t bytes : {100u, 400u, 1'000u}) {
      const Pauses pauses = PausesOf(bytes, drain);
      EXPECT_GT(pauses.count, 0);
      EXPECT_LE(pauses.count, kWrites / 1000) << bytes << " at " << drain;
      EXPECT_LE(pauses.longest, milliseconds(drain < 100'000'000 ? 20 : 13));
    }
  }
}

TEST(WriteController, LargeRecordsPauseShortly) {
  for (const std::uint64_t bytes : {10'000u, 100'000u}) {
    const Pauses pauses = PausesOf(bytes, 300'000'000);
    EXPECT_GT(pauses.count, kWrites / 1000);
    EXPECT_LT(pauses.longest, milliseconds(1));
  }
}

TEST(WriteController, ARecordThatCostsMoreThanTheLongestPausePaysForItself) {
  WriteController controller;
  controller.SetPressure({.pace = 1});
  nanoseconds now{0};
  const int records = 10;
  for (int i = 0; i < records; ++i) {
    const auto delay = controller.Charge(4'800'000, now);
    ASSERT_TRUE(delay.has_value());
    now += delay->duration;
  }
  EXPECT_NEAR(static_cast<double>(now.count()), records * 100e6, 1e6);
}

TEST(WriteController, ThePaceIsThatOfFlushesAndMerges) {
  WriteController controller;
  controller.SetPressure({.pace = 1, .pace_cause = DelayCause::kDebt});
  for (int i = 0; i < 100; ++i) {
    controller.NoteFlushed({.bytes_written = 10'000'000, .took = seconds(1)});
    controller.NoteMerged(DelayCause::kLevel0, {.bytes_written = 10'000'000, .took = seconds(1)});
  }
  const auto delay = controller.Charge(75'000, nanoseconds(0));
  ASSERT_TRUE(delay.has_value());
  EXPECT_NEAR(static_cast<double>(delay->duration.count()), 10e6, 1e5);
  EXPECT_EQ(delay->cause, DelayCause::kDebt);
}

TEST(WriteController, WhatLeavesALevelIsItsShareOfWhatMergesRead) {
  WriteController controller;
  controller.SetPressure(
      {.pace = 0.01, .level0 = {.value = 1, .share = 0.5}, .debt = {.value = 1, .share = 0.1}});
  for (int i = 0; i < 100; ++i) {
    controller.NoteMerged(DelayCause::kLevel0,
                          {.bytes_read = 20'000'000, .bytes_written = 1, .took = seconds(1)});
    controller.NoteMerged(DelayCause::kDebt,
                          {.bytes_read = 200'000'000, .bytes_written = 1, .took = seconds(1)});
  }
  const auto delay = controller.Charge(25'000, nanoseconds(0));
  ASSERT_TRUE(delay.has_value());
  EXPECT_NEAR(static_cast<double>(delay->duration.count()), 10e6, 1e5);
  EXPECT_EQ(delay->cause, DelayCause::kLevel0);
}

}  // namespace
}  // namespace firn
