// SPDX-License-Identifier: Apache-2.0
//
// A database holds its memory budget whatever it is put through: writers, point reads and scans at
// once over data many times the budget, while memtables are flushed, tables opened and merged, and
// the cache turned over. Every worker looks at the resident memory every few operations; no sample
// may exceed the baseline by more than the budget and a quarter, which is what options.h promises.
// It is also checked that the budget was used, since a database that holds nothing proves nothing.
// The brief forms take seconds, those named Long minutes.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "engine/resident_memory.h"
#include "engine/test_run.h"
#include "firn/database.h"
#include "io/temporary_directory.h"

namespace firn {
namespace {

constexpr std::size_t kMebi = std::size_t{1} << 20;
constexpr std::uint64_t kOperationsBetweenSamples = 64;

struct Load {
  std::size_t budget_bytes = 0;
  std::size_t memtable_bytes = 0;
  std::uint64_t user_bytes = 0;  // Written by all writers together.
  int writers = 1;
  int readers = 0;                  // With none the writer reads between its writes.
  std::size_t large_value_max = 0;  // One value in a thousand is as long as this at most.
  WalAppend way = WalAppend::kAuto;
};

// Watches the memory of one run. Thread-safe.
class Watch {
 public:
  Watch(const Database& database, std::size_t baseline)
      : database_(database), baseline_(baseline) {}

  void Sample() {
    const std::size_t now = memory_.Bytes();
    samples_.fetch_add(1, std::memory_order_relaxed);
    if (now <= peak_.load(std::memory_order_relaxed)) {
      return;
    }
    MutexLock lock(mutex_);
    if (now > peak_.load(std::memory_order_relaxed)) {
      peak_.store(now, std::memory_order_relaxed);
      const Statistics statistics = database_.GetStatistics();
      memtables_at_peak_ = statistics.memtable_bytes;
      cache_at_peak_ = statistics.cache_bytes;
    }
  }

  std::size_t peak() const { return std::max(peak_.load(), baseline_) - baseline_; }
  std::string Describe() {
    MutexLock lock(mutex_);
    char text[200];
    std::snprintf(text, sizeof(text),
                  "peak %.1f MiB (memtables %.1f, cached blocks %.1f) in %llu samples",
                  InMebi(peak()), InMebi(memtables_at_peak_), InMebi(cache_at_peak_),
                  static_cast<unsigned long long>(samples_.load()));
    return text;
  }

 private:
  static double InMebi(std::uint64_t bytes) { return static_cast<double>(bytes) / kMebi; }

  const Database& database_;
  const std::size_t baseline_;
  const ResidentMemory memory_;
  std::atomic<std::size_t> peak_{0};
  std::atomic<std::uint64_t> samples_{0};
  Mutex mutex_;
  std::uint64_t memtables_at_peak_ FIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t cache_at_peak_ FIRN_GUARDED_BY(mutex_) = 0;
};

class Run {
 public:
  Run(const std::string& directory, const Load& load, std::size_t baseline)
      : load_(load), keys_(std::max<std::uint64_t>(load.user_bytes / kBytesPerKey, 1'000)) {
    Options options;
    options.memory_budget_bytes = load.budget_bytes;
    options.memtable_bytes = load.memtable_bytes;
    options.wal_append = load.way;
    database_.emplace(Database::Open(directory, options).value());
    watch_.emplace(*database_, baseline);
  }

  void Work() {
    std::vector<std::thread> workers;
    writers_left_ = load_.writers;
    for (int writer = 0; writer < load_.writers; ++writer) {
      workers.emplace_back([this, writer] { Write(static_cast<std::uint64_t>(writer)); });
    }
    for (int reader = 0; reader < load_.readers; ++reader) {
      workers.emplace_back([this, reader] { ReadAlong(static_cast<std::uint64_t>(reader) + 100); });
    }
    for (std::thread& worker : workers) {
      worker.join();
    }
    EXPECT_EQ(failures_.load(), 0);
  }

  Watch& watch() { return *watch_; }
  Database& database() { return *database_; }

 private:
  // A key is written about three times in a run.
  static constexpr std::uint64_t kBytesPerKey = 600;

  static std::string Key(std::uint64_t number) {
    std::uint64_t mix = number;
    return "key" + std::to_string(SplitMix64(mix) % 10'000'000'000'000) + "." +
           std::to_string(number);
  }

  // Half of a value compresses.
  void DrawValue(Random& random, std::string& value) const {
    std::size_t bytes = 20 + random.Below(300);
    if (load_.large_value_max != 0 && random.OneIn(1'000)) {
      bytes = random.Below(load_.large_value_max);
    }
    value.assign(bytes, 'v');
    for (std::size_t i = 0; i + 8 <= bytes / 2; i += 8) {
      const std::uint64_t word = random.Next();
      value.replace(i, 8, reinterpret_cast<const char*>(&word), 8);
    }
  }

  void Write(std::uint64_t seed) {
    Random random(seed);
    std::string value;
    const std::uint64_t share = load_.user_bytes / static_cast<std::uint64_t>(load_.writers);
    for (std::uint64_t written = 0, count = 0; written < share; ++count) {
      const std::string key = Key(random.Below(keys_));
      DrawValue(random, value);
      Require(database_->Put(key, value));
      written += key.size() + value.size();
      if (load_.readers == 0 && count % 4 == 0) {
        Read(random);
      }
      SampleNowAndThen(count);
    }
    writers_left_.fetch_sub(1);
  }

  // Some more reads after the last write: then the cache alone has the budget.
  void ReadAlong(std::uint64_t seed) {
    Random random(seed);
    for (std::uint64_t count = 0, rest = kReadsAfterwards; rest > 0; ++count) {
      Read(random);
      SampleNowAndThen(count);
      rest -= writers_left_.load() == 0 ? 1 : 0;
    }
  }

  void Read(Random& random) {
    const std::string key = Key(random.Below(keys_));
    if (!random.OneIn(50)) {
      Require(database_->Get(key));
      return;
    }
    ScanOptions options;
    options.lower = key;
    options.reverse = random.OneIn(3);
    std::uint64_t left = random.Below(random.OneIn(20) ? 5'000 : 200);
    ScanRange range = database_->Scan(options);
    for (auto entry = range.begin(); entry != range.end() && left > 0; ++entry) {
      --left;
    }
    Require(range.status());
  }

  void SampleNowAndThen(std::uint64_t count) {
    if (count % kOperationsBetweenSamples == 0) {
      watch_->Sample();
    }
  }

  template <typename T>
  void Require(const Result<T>& result) {
    if (!result && failures_.fetch_add(1) == 0) {
      ADD_FAILURE() << result.error().Describe();
    }
  }

  static constexpr std::uint64_t kReadsAfterwards = 300'000;

  const Load load_;
  const std::uint64_t keys_;
  std::optional<Database> database_;
  std::optional<Watch> watch_;
  std::atomic<int> writers_left_{0};
  std::atomic<int> failures_{0};
};

// Everything the program consists of is in memory after this.
void CallEverythingOnce() {
  const TemporaryDirectory directory;
  Run run(
      directory / "db",
      {.budget_bytes = kMebi, .memtable_bytes = kMebi / 8, .user_bytes = 8 * kMebi, .writers = 2},
      0);
  run.Work();
  ASSERT_TRUE(run.database().CompactRange().has_value());
}

void ExpectTheBudgetIsKept(const Load& load) {
  if (kIsSanitized) {
    GTEST_SKIP() << "a sanitizer takes memory of its own for all that is allocated";
  }
  CallEverythingOnce();
  ::malloc_trim(0);
  const TemporaryDirectory directory;
  const std::size_t baseline = ResidentMemory().Bytes();
  const MonotonicClock clock;
  const auto start = clock.Now();
  Run run(directory / "db", load, baseline);
  run.Work();
  const std::size_t allowed = load.budget_bytes + load.budget_bytes / 4;
  std::printf("budget %zu MiB, %d writers, %d readers: %s, allowed %zu, %.1f s\n",
              load.budget_bytes / kMebi, load.writers, load.readers, run.watch().Describe().c_str(),
              allowed / kMebi, std::chrono::duration<double>(clock.Now() - start).count());
  EXPECT_LE(run.watch().peak(), allowed) << run.watch().Describe();
  EXPECT_GE(run.watch().peak(), load.budget_bytes / 2) << "the budget was hardly used";
}

TEST(MemoryBudget, TheMeasureSeesWhatIsTaken) {
  const ResidentMemory memory;
  const std::size_t before = memory.Bytes();
  const std::vector<char> taken(32 * kMebi, 'x');
  EXPECT_GE(memory.Bytes(), before + 31 * kMebi) << taken.size();
}

TEST(MemoryBudget, IsKeptByOneThreadThatWritesAndReads) {
  ExpectTheBudgetIsKept(
      {.budget_bytes = 64 * kMebi, .memtable_bytes = 16 * kMebi, .user_bytes = 200 * kMebi});
}

TEST(MemoryBudget, IsKeptByManyThreads) {
  ExpectTheBudgetIsKept({.budget_bytes = 64 * kMebi,
                         .memtable_bytes = 16 * kMebi,
                         .user_bytes = 200 * kMebi,
                         .writers = 2,
                         .readers = 2});
}

TEST(MemoryBudget, IsKeptWhenItIsSmall) {
  ExpectTheBudgetIsKept({.budget_bytes = 32 * kMebi,
                         .memtable_bytes = 4 * kMebi,
                         .user_bytes = 120 * kMebi,
                         .writers = 2,
                         .readers = 2,
                         .large_value_max = 100'000});
}

TEST(LongMemoryBudget, IsKeptByOneThreadThatWritesAndReads) {
  ExpectTheBudgetIsKept({.budget_bytes = 64 * kMebi,
                         .memtable_bytes = 16 * kMebi,
                         .user_bytes = 1000 * kMebi,
                         .large_value_max = 30'000});
}

TEST(LongMemoryBudget, IsKeptByManyThreads) {
  ExpectTheBudgetIsKept({.budget_bytes = 64 * kMebi,
                         .memtable_bytes = 8 * kMebi,
                         .user_bytes = 1000 * kMebi,
                         .writers = 2,
                         .readers = 2,
                         .large_value_max = 30'000});
}

TEST(LongMemoryBudget, IsKeptWhenItIsSmall) {
  ExpectTheBudgetIsKept({.budget_bytes = 32 * kMebi,
                         .memtable_bytes = 4 * kMebi,
                         .user_bytes = 700 * kMebi,
                         .writers = 2,
                         .readers = 2,
                         .large_value_max = 100'000});
}

}  // namespace
}  // namespace firn
