// SPDX-License-Identifier: Apache-2.0
//
// Striped counters: nothing is lost when threads come, go and outnumber the stripes.
#include "base/striped_counter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace firn {
namespace {

enum class Event { kOne, kTwo, kCount };

TEST(StripedCounters, SumUpWhatThreadsThatEndedAdded) {
  StripedCounters<Event> counters;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&counters] {
        for (int i = 0; i < 1000; ++i) {
          counters.Add(Event::kOne);
          counters.Add(Event::kTwo, 3);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  EXPECT_EQ(counters.Sum(Event::kOne), 80'000u);
  EXPECT_EQ(counters.Sum(Event::kTwo), 240'000u);
}

TEST(StripedCounters, LoseNothingWhenMoreThreadsLiveThanThereAreStripes) {
  StripedCounters<Event> counters;
  std::atomic<int> started{0};
  constexpr int kThreads = static_cast<int>(internal::kOwnStripes) + 20;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      counters.Add(Event::kOne);
      started.fetch_add(1);
      while (started.load() < kThreads) {
        std::this_thread::yield();
      }
      for (int i = 0; i < 100; ++i) {
        counters.Add(Event::kOne);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(counters.Sum(Event::kOne), kThreads * 101u);
}

}  // namespace
}  // namespace firn
