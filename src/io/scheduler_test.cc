// SPDX-License-Identifier: Apache-2.0
#include "io/scheduler.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "io/stepped_scheduler.h"

namespace firn {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Something to wait for.
struct Event {
  Mutex mutex;
  ConditionVariable condition;
  bool happened FIRN_GUARDED_BY(mutex) = false;

  void Happen() {
    MutexLock lock(mutex);
    happened = true;
    condition.NotifyAll();
  }
  void WaitIn(Scheduler& scheduler) {
    MutexLock lock(mutex);
    scheduler.Wait(mutex, condition, [this]() FIRN_NO_THREAD_SAFETY_ANALYSIS { return happened; });
  }
  bool WaitIn(Scheduler& scheduler, nanoseconds limit) {
    MutexLock lock(mutex);
    return scheduler.WaitFor(mutex, condition, limit,
                             [this]() FIRN_NO_THREAD_SAFETY_ANALYSIS { return happened; });
  }
};

TEST(ThreadScheduler, RunsTheTasksOfALaneInOrder) {
  std::vector<int> order;
  auto scheduler = MakeThreadScheduler();
  for (int i = 0; i < 100; ++i) {
    scheduler->Submit(Lane::kFlush, [&order, i] { order.push_back(i); });
  }
  scheduler.reset();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  }
}

TEST(ThreadScheduler, ItsEndRunsTasksThatTasksSubmit) {
  std::atomic<int> ran{0};
  auto scheduler = MakeThreadScheduler();
  Scheduler* raw = scheduler.get();
  raw->Submit(Lane::kFlush, [&, raw] {
    ++ran;
    raw->Submit(Lane::kCompaction, [&, raw] {
      ++ran;
      raw->Submit(Lane::kFlush, [&] { ++ran; });
    });
  });
  scheduler.reset();
  EXPECT_EQ(ran, 3);
}

TEST(ThreadScheduler, LanesHaveNamesPrioritiesAndNoSignals) {
  auto scheduler = MakeThreadScheduler();
  struct Seen {
    char name[16];
    int priority;
    sigset_t blocked;
  };
  Seen seen[kLaneCount];
  for (int lane = 0; lane < kLaneCount; ++lane) {
    scheduler->Submit(static_cast<Lane>(lane), [&seen, lane] {
      pthread_getname_np(pthread_self(), seen[lane].name, sizeof seen[lane].name);
      seen[lane].priority = getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
      pthread_sigmask(SIG_SETMASK, nullptr, &seen[lane].blocked);
    });
  }
  const int own_priority = getpriority(PRIO_PROCESS, 0);
  scheduler.reset();
  const char* names[kLaneCount] = {"firn-flush",   "firn-compact",  "firn-raft-log",
                                   "firn-replica", "firn-transfer", "firn-prepare"};
  for (int lane = 0; lane < kLaneCount; ++lane) {
    EXPECT_STREQ(seen[lane].name, names[lane]);
  }
  EXPECT_EQ(seen[0].priority, own_priority);
  EXPECT_EQ(seen[1].priority, std::max(own_priority, 10));
  for (const Seen& lane : seen) {
    EXPECT_TRUE(sigismember(&lane.blocked, SIGTERM) && sigismember(&lane.blocked, SIGUSR1));
    EXPECT_FALSE(sigismember(&lane.blocked, SIGSEGV));
  }
}

TEST(ThreadScheduler, WaitsEndByTheEventOrByTheLimit) {
  auto scheduler = MakeThreadScheduler();
  Event event;
  EXPECT_FALSE(event.WaitIn(*scheduler, milliseconds(1)));
  scheduler->Submit(Lane::kFlush, [&] { event.Happen(); });
  event.WaitIn(*scheduler);
  EXPECT_TRUE(event.WaitIn(*scheduler, hours(1)));
}

TEST(ThreadScheduler, TimersFireUntilCancelledAndNotAfter) {
  auto scheduler = MakeThreadScheduler();
  Event third;
  std::atomic<int> fired{0};
  const TimerId timer = scheduler->Every(milliseconds(1), [&] {
    if (++fired == 3) {
      third.Happen();
    }
  });
  const TimerId never = scheduler->Every(hours(1), [&] { fired += 1000; });
  third.WaitIn(*scheduler);
  scheduler->Cancel(timer);
  scheduler->Cancel(never);
  const int after_cancel = fired;
  Event later;
  scheduler->Every(milliseconds(3), [&] { later.Happen(); });
  later.WaitIn(*scheduler);
  EXPECT_EQ(fired, after_cancel);
}

TEST(ThreadScheduler, CancelWaitsForARunningTick) {
  auto scheduler = MakeThreadScheduler();
  Event started;
  std::atomic<bool> inside{false};
  const TimerId timer = scheduler->Every(milliseconds(1), [&] {
    inside = true;
    started.Happen();
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::yield();
    }
    inside = false;
  });
  started.WaitIn(*scheduler);
  scheduler->Cancel(timer);
  EXPECT_FALSE(inside);
}

std::string RunOf(std::uint64_t seed) {
  SteppedScheduler scheduler(seed);
  std::string run;
  for (int i = 0; i < 6; ++i) {
    scheduler.Submit(Lane::kFlush, [&run, i] { run += static_cast<char>('a' + i); });
    scheduler.Submit(Lane::kCompaction, [&run, i] { run += static_cast<char>('A' + i); });
  }
  scheduler.RunUntilIdle();
  return run;
}

TEST(SteppedScheduler, TheSeedDecidesTheOrderOfLanesAndNothingElse) {
  EXPECT_EQ(RunOf(1), RunOf(1));
  EXPECT_NE(RunOf(1), RunOf(2));
  std::string flushes;
  for (char task : RunOf(3)) {
    if (task >= 'a') {
      flushes += task;
    }
  }
  EXPECT_EQ(flushes, "abcdef");
}

TEST(SteppedScheduler, ATaskThatWaitsLetsOtherLanesRunButNotItsOwn) {
  SteppedScheduler scheduler(1);
  std::string run;
  Event event;
  scheduler.Submit(Lane::kFlush, [&] {
    run += "(";
    event.WaitIn(scheduler);
    run += ")";
  });
  scheduler.Submit(Lane::kFlush, [&] { run += "f"; });
  scheduler.Submit(Lane::kCompaction, [&] {
    run += "c";
    event.Happen();
  });
  scheduler.RunUntilIdle();
  EXPECT_TRUE(run == "(c)f" || run == "c()f") << run;
}

TEST(SteppedScheduler, TimersFireAtTheirMomentsOfVirtualTime) {
  SteppedScheduler scheduler(1);
  std::vector<std::pair<char, nanoseconds>> fired;
  scheduler.Every(milliseconds(30), [&] { fired.emplace_back('a', scheduler.clock().Now()); });
  const TimerId b =
      scheduler.Every(milliseconds(20), [&] { fired.emplace_back('b', scheduler.clock().Now()); });
  scheduler.Advance(milliseconds(50));
  scheduler.Cancel(b);
  scheduler.Pause(milliseconds(15));
  const std::vector<std::pair<char, nanoseconds>> expected = {{'b', milliseconds(20)},
                                                              {'a', milliseconds(30)},
                                                              {'b', milliseconds(40)},
                                                              {'a', milliseconds(60)}};
  EXPECT_EQ(fired, expected);
  EXPECT_EQ(scheduler.clock().Now(), milliseconds(65));
}

TEST(SteppedScheduler, AWaitMovesOnToTheTimerThatEndsIt) {
  SteppedScheduler scheduler(1);
  Event event;
  scheduler.Every(milliseconds(100), [&] { event.Happen(); });
  EXPECT_FALSE(event.WaitIn(scheduler, milliseconds(40)));
  EXPECT_EQ(scheduler.clock().Now(), milliseconds(40));
  event.WaitIn(scheduler);
  EXPECT_EQ(scheduler.clock().Now(), milliseconds(100));
}

TEST(SteppedSchedulerDeathTest, AWaitThatNothingCanEndAborts) {
  SteppedScheduler scheduler(1);
  Event event;
  EXPECT_DEATH(event.WaitIn(scheduler), "deadlock");
  scheduler.Every(milliseconds(100), [] {});
  EXPECT_DEATH(event.WaitIn(scheduler), "deadlock");
}

}  // namespace
}  // namespace firn
