// SPDX-License-Identifier: Apache-2.0
//
// What opening leaves behind: a program that opens a database for one command, thousands of times,
// must not find more files each time.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "engine/test_engine.h"

namespace firn {
namespace {

class Reopened : public testing::Test {
 protected:
  void Open() { ASSERT_TRUE(engine_.Open(options_).has_value()); }
  void PutOne(int number) {
    ASSERT_TRUE(engine_.Put("key" + std::to_string(number), "value").has_value());
  }
  std::size_t Segments() {
    const auto names = engine_.memory().List(kTestDirectory).value();
    return static_cast<std::size_t>(std::ranges::count_if(
        names, [](const std::string& name) { return name.ends_with(".wal"); }));
  }
  void ExpectAll(int count) {
    for (int number = 0; number < count; ++number) {
      EXPECT_EQ(engine_.Get("key" + std::to_string(number)).value(), "value") << number;
    }
  }

  static constexpr std::size_t kSegmentsKept = 4;
  const Options options_ = SmallOptions();
  TestEngine engine_;
};

TEST_F(Reopened, ForReadingItKeepsOneSegment) {
  for (int turn = 0; turn < 10; ++turn) {
    Open();
    ASSERT_TRUE(engine_.Close().has_value());
    EXPECT_EQ(Segments(), 1u) << turn;
  }
}

TEST_F(Reopened, AfterAFlushItKeepsOneSegment) {
  Open();
  PutOne(0);
  ASSERT_TRUE(engine_.engine().Flush().has_value());
  for (int turn = 0; turn < 10; ++turn) {
    engine_.CrashByKill();
    Open();
    ASSERT_TRUE(engine_.Close().has_value());
    EXPECT_EQ(Segments(), 1u) << turn;
  }
  Open();
  ExpectAll(1);
}

TEST_F(Reopened, ForOnePutItKeepsAFewSegments) {
  constexpr int kTurns = 40;
  for (int turn = 0; turn < kTurns; ++turn) {
    Open();
    PutOne(turn);
    ASSERT_TRUE(engine_.Close().has_value());
    EXPECT_LE(Segments(), kSegmentsKept + 1) << turn;
  }
  Open();
  ExpectAll(kTurns);
}

TEST_F(Reopened, AfterBeingKilledItKeepsAFewSegments) {
  constexpr int kTurns = 40;
  for (int turn = 0; turn < kTurns; ++turn) {
    Open();
    PutOne(turn);
    engine_.scheduler().RunUntilIdle();
    engine_.CrashByKill();
    EXPECT_LE(Segments(), kSegmentsKept + 1) << turn;
  }
  Open();
  ExpectAll(kTurns);
}

// Beside crash_test, which takes the power away at every single operation of a few openings.
TEST_F(Reopened, ItLosesNothingSyncedWhenThePowerGoesAtAnOpening) {
  Random random(1);
  int count = 0;
  for (int turn = 0; turn < 40; ++turn) {
    Open();
    if (random.OneIn(2)) {
      PutOne(count++);
      ASSERT_TRUE(engine_.engine().Sync().has_value());
    }
    if (random.OneIn(3)) {
      ASSERT_TRUE(engine_.Close().has_value());
    }
    if (engine_.is_open() && random.OneIn(2)) {
      engine_.scheduler().RunUntilIdle();
    }
    engine_.CrashByPowerLoss(random);
  }
  Open();
  ExpectAll(count);
}

}  // namespace
}  // namespace firn
