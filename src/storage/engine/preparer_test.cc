// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/preparer.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "engine/test_engine.h"
#include "io/stepped_scheduler.h"
#include "storage/memtable/arena.h"

namespace firn {
namespace {

class PreparerThatCounts : public testing::Test {
 protected:
  SteppedScheduler scheduler_{1};
  int ran_ = 0;
  Preparer preparer_{scheduler_, [this] { ++ran_; }};
};

TEST_F(PreparerThatCounts, RunsOnceForKicksThatCameBefore) {
  preparer_.Kick();
  preparer_.Kick();
  EXPECT_EQ(ran_, 0);
  scheduler_.RunUntilIdle();
  EXPECT_EQ(ran_, 1);
  preparer_.Kick();
  scheduler_.RunUntilIdle();
  EXPECT_EQ(ran_, 2);
}

TEST_F(PreparerThatCounts, StopWaitsForTheTaskAndEndsAllKicks) {
  preparer_.Kick();
  preparer_.Stop();
  EXPECT_EQ(scheduler_.pending(), 0u);
  preparer_.Kick();
  EXPECT_EQ(scheduler_.pending(), 0u);
  EXPECT_EQ(ran_, 0);
}

TEST(Preparer, RunsAgainForAKickWhileItRuns) {
  SteppedScheduler scheduler(1);
  int ran = 0;
  std::function<void()> kick;
  Preparer preparer(scheduler, [&] {
    if (++ran < 3) {
      kick();
    }
  });
  kick = [&preparer] { preparer.Kick(); };
  preparer.Kick();
  scheduler.RunUntilIdle();
  EXPECT_EQ(ran, 3);
}

// A small database gets nothing prepared; one that goes on writing does, part after part of the
// log.
TEST(Preparer, IsKickedByAnEngineThatGoesOnWriting) {
  TestEngine engine;
  Options options;
  options.memtable_bytes = 16 << 20;
  engine.Open(options).value();
  auto write = [&](std::uint64_t bytes) {
    for (std::uint64_t i = 0; i < bytes >> 10; ++i) {
      engine.Put(std::to_string(i), std::string(1 << 10, 'v')).value();
    }
  };
  engine.scheduler().RunUntilIdle();
  write(LogFile::kPartBytes / 4);
  EXPECT_EQ(engine.scheduler().pending(), 0u);
  write(LogFile::kPartBytes / 2);
  EXPECT_EQ(engine.scheduler().pending(), 1u);
  engine.scheduler().RunUntilIdle();
  EXPECT_EQ(engine.engine().parts().chunks->held_bytes(), ChunkPool::kChunkBytes);
  write(LogFile::kPartBytes / 2);
  EXPECT_EQ(engine.scheduler().pending(), 1u);
  engine.Close().value();
}

TEST(Preparer, LeavesTheMemoryOfLargeRecordsToTheirWriter) {
  TestEngine engine;
  Options options;
  options.memtable_bytes = 16 << 20;
  engine.Open(options).value();
  engine.scheduler().RunUntilIdle();
  const std::string value(Arena::kSmallPagedBytesMin, 'v');
  for (int i = 0; i < 60; ++i) {
    engine.Put(std::to_string(i), value).value();
  }
  EXPECT_EQ(engine.scheduler().pending(), 1u);
  engine.scheduler().RunUntilIdle();
  EXPECT_EQ(engine.engine().parts().chunks->held_bytes(), 0u);
  engine.Close().value();
}

}  // namespace
}  // namespace firn
