// SPDX-License-Identifier: Apache-2.0
//
// What bounds scans: pins, watched streams, tokens and threads, each alone and on virtual time.
#include <gtest/gtest.h>

#include <atomic>

#include "io/memory_file_system.h"
#include "io/stepped_scheduler.h"
#include "server/page_token.h"
#include "server/scan_pins.h"
#include "server/stream_watch.h"
#include "server/worker_pool.h"

namespace firn::server {
namespace {

using std::chrono::milliseconds;

class ScanPinsTest : public testing::Test {
 protected:
  PinnedState State() { return {.engine = engine_, .snapshot = engine_->TakeSnapshot()}; }

  std::shared_ptr<Engine> engine_ =
      Engine::Open({.files = std::make_shared<MemoryFileSystem>(),
                    .scheduler = std::make_shared<SteppedScheduler>(1),
                    .seed = 1},
                   "db", {})
          .value();
  ManualClock clock_;
  ScanPins pins_{clock_, {.count_max = 2, .idle_max = milliseconds(100)}};
};

TEST_F(ScanPinsTest, APinStaysAsLongAsItIsUsed) {
  const std::uint64_t pin = pins_.Add(State());
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(milliseconds(90));
    EXPECT_TRUE(pins_.Use(pin).has_value());
  }
  clock_.Advance(milliseconds(101));
  EXPECT_FALSE(pins_.Use(pin).has_value());
  pins_.Sweep();
  EXPECT_EQ(pins_.size(), 0U);
}

TEST_F(ScanPinsTest, TheOneThatWasLongestUnusedMakesRoom) {
  const std::uint64_t first = pins_.Add(State());
  clock_.Advance(milliseconds(1));
  const std::uint64_t second = pins_.Add(State());
  clock_.Advance(milliseconds(1));
  EXPECT_TRUE(pins_.Use(first).has_value());
  clock_.Advance(milliseconds(1));
  const std::uint64_t third = pins_.Add(State());
  EXPECT_TRUE(pins_.Use(first).has_value());
  EXPECT_FALSE(pins_.Use(second).has_value());
  EXPECT_TRUE(pins_.Use(third).has_value());
}

TEST_F(ScanPinsTest, AFinishedPinGoesSoon) {
  ScanPins pins(clock_, {.count_max = 2, .idle_max = std::chrono::minutes(10)});
  const std::uint64_t pin = pins.Add(State());
  pins.Finish(pin);
  clock_.Advance(std::chrono::seconds(6));
  pins.Sweep();
  EXPECT_EQ(pins.size(), 0U);
  EXPECT_FALSE(pins.Use(0).has_value());
}

TEST(StreamWatch, CancelsOnceWhatStandsStill) {
  ManualClock clock;
  StreamWatch watch(clock, {.count_max = 2, .idle_max = milliseconds(100)});
  int cancelled = 0;
  const std::uint64_t slow = watch.Add([&] { ++cancelled; }).value();
  const std::uint64_t quick = watch.Add([&] { ADD_FAILURE(); }).value();
  EXPECT_FALSE(watch.Add([] {}).has_value());
  clock.Advance(milliseconds(90));
  watch.Touch(quick);
  clock.Advance(milliseconds(90));
  watch.Sweep();
  watch.Sweep();
  EXPECT_EQ(cancelled, 1);
  watch.Remove(slow);
  watch.Remove(quick);
  EXPECT_EQ(watch.size(), 0U);
}

TEST(PageToken, IsOpenedByTheSealThatMadeIt) {
  const PageTokenSeal seal;
  const PageToken token{
      .node = {7}, .pin = 9, .revision = 11, .query = 13, .last_key = std::string("a\0b", 3)};
  const PageTokenSeal::Opened opened = seal.Open(seal.Seal(token));
  EXPECT_TRUE(opened.is_token);
  EXPECT_EQ(opened.token, token);
  const PageTokenSeal other;
  const PageTokenSeal::Opened foreign = other.Open(seal.Seal(token));
  EXPECT_TRUE(foreign.is_token);
  EXPECT_EQ(foreign.node, NodeId{7});
  EXPECT_FALSE(foreign.token.has_value());
}

TEST(PageToken, IsNoneWhenTruncatedAndFalseWhenChanged) {
  const PageTokenSeal seal;
  const std::string bytes = seal.Seal({.node = {1}, .pin = 2, .last_key = "key"});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(seal.Open(std::string_view(bytes).substr(0, length)).token.has_value()) << length;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x80);
    EXPECT_FALSE(seal.Open(damaged).token.has_value()) << i;
  }
  EXPECT_FALSE(seal.Open(bytes + "x").token.has_value());
}

TEST(WorkerPool, RunsEverythingBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    WorkerPool pool("test", 3);
    for (int i = 0; i < 1'000; ++i) {
      pool.Post([&] {
        ++ran;
        pool.Post([&] { ++ran; });
      });
    }
  }
  EXPECT_EQ(ran.load(), 2'000);
}

TEST(WorkerPool, SaysWhenTooMuchWaits) {
  Mutex mutex;
  ConditionVariable changed;
  bool may_go = false;
  bool has_begun = false;
  WorkerPool pool("test", 1);
  pool.Post([&] {
    MutexLock lock(mutex);
    has_begun = true;
    changed.NotifyAll();
    while (!may_go) {
      changed.Wait(mutex);
    }
  });
  {
    MutexLock lock(mutex);
    while (!has_begun) {
      changed.Wait(mutex);
    }
  }
  EXPECT_TRUE(pool.PostUnlessBusy(1, [] {}));
  EXPECT_FALSE(pool.PostUnlessBusy(1, [] {}));
  MutexLock lock(mutex);
  may_go = true;
  changed.NotifyAll();
}

}  // namespace
}  // namespace firn::server
