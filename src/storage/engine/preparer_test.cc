// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/preparer.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "engine/test_engine.h"
#include "io/stepped_scheduler.h"

namespace firn {
namespace {

TEST(Preparer, RunsOnceForKicksThatCameBefore) {
  SteppedScheduler scheduler(1);
  int ran = 0;
  Preparer preparer(scheduler, [&ran] { ++ran; });
  preparer.Kick();
  preparer.Kick();
  EXPECT_EQ(ran, 0);
  scheduler.RunUntilIdle();
  EXPECT_EQ(ran, 1);
  preparer.Kick();
  scheduler.RunUntilIdle();
  EXPECT_EQ(ran, 2);
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

TEST(Preparer, StopWaitsForTheTaskAndEndsAllKicks) {
  SteppedScheduler scheduler(1);
  int ran = 0;
  Preparer preparer(scheduler, [&ran] { ++ran; });
  preparer.Kick();
  preparer.Stop();
  EXPECT_EQ(scheduler.pending(), 0u);
  preparer.Kick();
  EXPECT_EQ(scheduler.pending(), 0u);
  EXPECT_EQ(ran, 0);
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

}  // namespace
}  // namespace firn
