// SPDX-License-Identifier: Apache-2.0
//
// A database on real files and real threads: writers, readers, flushes and compactions at once,
// with memtables and a cache so small that freezing, eviction and compaction never stop. Keys come
// in groups that are only ever written together, each group by one writer and with rising numbers,
// so that a reader can tell a torn batch, a step back in time and a lost write by looking at a
// group. Lengths are bounded by counts of operations.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "firn/database.h"
#include "io/temporary_directory.h"

namespace firn {
namespace {

constexpr int kGroups = 40;
constexpr int kKeysPerGroup = 8;
constexpr int kWriters = 2;
constexpr std::uint64_t kBatchesPerWriter = 8'000;

Options TinyOptions() {
  Options options;
  options.memory_budget_bytes = 256 << 10;
  options.memtable_bytes = 32 << 10;
  options.block_bytes = 1 << 10;
  options.table_bytes = 32 << 10;
  options.level0_tables_max = 3;
  options.level0_bytes_max = 64 << 10;
  options.level_ratio = 3;
  options.sync_interval = std::chrono::milliseconds(5);
  return options;
}

std::string Prefix(int group) { return "group" + std::to_string(100 + group) + ":"; }
std::string Key(int group, int key) { return Prefix(group) + std::to_string(key); }

std::uint64_t NumberIn(std::string_view value) {
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

class Crowd {
 public:
  explicit Crowd(WalAppend way) {
    Options options = TinyOptions();
    options.wal_append = way;
    database_.emplace(Database::Open(directory_ / "db", options).value());
  }

  void Run() {
    std::vector<std::thread> helpers;
    helpers.emplace_back([this] { ReadByMultiGet(); });
    helpers.emplace_back([this] { ReadByScan(); });
    helpers.emplace_back([this] { ReadBySnapshot(); });
    helpers.emplace_back([this] { Tend(); });
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([this, writer] { Write(writer); });
    }
    for (std::thread& writer : writers) {
      writer.join();
    }
    done_.store(true);
    for (std::thread& helper : helpers) {
      helper.join();
    }
    CheckEnd();
  }

 private:
  using Seen = std::array<std::uint64_t, kGroups>;

  void Write(int writer) {
    Random random(static_cast<std::uint64_t>(writer) + 1);
    const std::string padding(60, 'p');
    WriteBatch batch;
    for (std::uint64_t number = 1; number <= kBatchesPerWriter && !HasFailed(); ++number) {
      const int group = static_cast<int>(random.Below(kGroups / kWriters)) * kWriters + writer;
      batch.Clear();
      for (int key = 0; key < kKeysPerGroup; ++key) {
        batch.Put(Key(group, key), std::to_string(number) + padding);
      }
      WriteOptions options;
      if (random.OneIn(100)) {
        options.durability = Durability::kDisk;
      }
      Require(database_->Write(batch, options));
      acknowledged_[static_cast<std::size_t>(group)].store(number, std::memory_order_release);
      const auto read = database_->Get(Key(group, static_cast<int>(number) % kKeysPerGroup));
      Require(read);
      if (read && (!*read || NumberIn(**read) != number)) {
        Complain("a writer does not read its own write");
      }
    }
  }

  // All keys of the group carry one number, not below what was acknowledged before the read nor
  // below what this reader saw.
  void Judge(int group, std::uint64_t floor, const std::vector<std::uint64_t>& numbers,
             Seen& seen) {
    std::uint64_t& last = seen[static_cast<std::size_t>(group)];
    if (numbers.empty()) {
      if (floor != 0 || last != 0) {
        Complain("an acknowledged group is absent");
      }
      return;
    }
    if (numbers.size() != kKeysPerGroup ||
        std::adjacent_find(numbers.begin(), numbers.end(), std::not_equal_to<>()) !=
            numbers.end()) {
      Complain("half a batch is visible");
    }
    if (numbers[0] < floor || numbers[0] < last) {
      Complain("a read went back in time: " + std::to_string(numbers[0]) + " after " +
               std::to_string(std::max(floor, last)));
    }
    last = numbers[0];
  }

  std::uint64_t Floor(int group) const {
    return acknowledged_[static_cast<std::size_t>(group)].load(std::memory_order_acquire);
  }

  void ReadByMultiGet() {
    Random random(11);
    Seen seen{};
    while (!done_.load()) {
      const int group = static_cast<int>(random.Below(kGroups));
      std::vector<std::string> keys;
      for (int key = 0; key < kKeysPerGroup; ++key) {
        keys.push_back(Key(group, key));
      }
      const std::vector<std::string_view> views(keys.begin(), keys.end());
      const std::uint64_t floor = Floor(group);
      const auto values = database_->MultiGet(views);
      Require(values);
      std::vector<std::uint64_t> numbers;
      for (std::size_t i = 0; values && i < values->size(); ++i) {
        if ((*values)[i]) {
          numbers.push_back(NumberIn(*(*values)[i]));
        }
      }
      Judge(group, floor, numbers, seen);
    }
  }

  void ReadByScan() {
    Random random(12);
    Seen seen{};
    while (!done_.load()) {
      const int group = static_cast<int>(random.Below(kGroups));
      const std::uint64_t floor = Floor(group);
      std::vector<std::uint64_t> numbers;
      ScanOptions options;
      options.prefix = Prefix(group);
      options.reverse = random.OneIn(2);
      ScanRange range = database_->Scan(options);
      for (auto [key, value] : range) {
        numbers.push_back(NumberIn(value));
      }
      Require(range.status());
      Judge(group, floor, numbers, seen);
    }
  }

  void ReadBySnapshot() {
    Random random(13);
    Seen seen{};
    while (!done_.load()) {
      std::array<std::uint64_t, kGroups> floors;
      for (int group = 0; group < kGroups; ++group) {
        floors[static_cast<std::size_t>(group)] = Floor(group);
      }
      const Snapshot snapshot = database_->TakeSnapshot();
      for (int i = 0; i < 20; ++i) {
        const int group = static_cast<int>(random.Below(kGroups));
        std::vector<std::uint64_t> numbers;
        for (int key = 0; key < kKeysPerGroup; ++key) {
          const auto value = database_->GetPinned(Key(group, key), {.snapshot = &snapshot});
          Require(value);
          if (value && *value) {
            numbers.push_back(NumberIn((*value)->view()));
          }
        }
        Judge(group, floors[static_cast<std::size_t>(group)], numbers, seen);
      }
    }
  }

  void Tend() {
    Random random(14);
    while (!done_.load()) {
      switch (random.Below(8)) {
        case 0: Require(database_->CompactRange()); break;
        case 1: Require(database_->CompactLevel(static_cast<int>(random.Below(3)))); break;
        case 2: Require(database_->Sync()); break;
        case 3: Require(database_->Verify()); break;
        default: Require(database_->Flush()); break;
      }
    }
  }

  void CheckEnd() {
    database_.reset();
    database_.emplace(Database::Open(directory_ / "db", TinyOptions()).value());
    for (int group = 0; group < kGroups; ++group) {
      for (int key = 0; key < kKeysPerGroup; ++key) {
        const auto value = database_->Get(Key(group, key)).value();
        ASSERT_EQ(value ? NumberIn(*value) : 0, Floor(group)) << Key(group, key);
      }
    }
    EXPECT_EQ(complaint_, "");
  }

  template <typename T>
  void Require(const Result<T>& result) {
    if (!result) {
      Complain(result.error().Describe());
    }
  }
  void Complain(const std::string& what) {
    if (!failed_.exchange(true)) {
      complaint_ = what;
    }
  }
  bool HasFailed() const { return failed_.load(); }

  TemporaryDirectory directory_;
  std::optional<Database> database_;
  std::array<std::atomic<std::uint64_t>, kGroups> acknowledged_{};
  std::atomic<bool> done_{false};
  std::atomic<bool> failed_{false};
  std::string complaint_;  // Of the first to fail.
};

TEST(Concurrent, BatchesAreSeenWholeAndTimeGoesForwardOnAWrittenLog) {
  Crowd(WalAppend::kWrite).Run();
}

TEST(Concurrent, BatchesAreSeenWholeAndTimeGoesForwardOnAMappedLog) {
  Crowd(WalAppend::kMapped).Run();
}

TEST(Concurrent, ManyWritersOfOneKeyEachReadNothingOlderThanTheirOwnWrite) {
  const TemporaryDirectory directory;
  Database database = Database::Open(directory / "db", TinyOptions()).value();
  std::atomic<int> failures{0};
  std::vector<std::thread> writers;
  for (std::uint64_t writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (std::uint64_t i = 0; i < 1'000; ++i) {
        const std::string key = "key" + std::to_string(i % 7) + "." + std::to_string(writer);
        const bool put = database.Put(key, std::to_string(i)).has_value() &&
                         database.Put("shared", std::to_string(i)).has_value();
        const auto read = database.Get(key);
        const auto shared = database.Get("shared");
        if (!put || !read || !*read || **read != std::to_string(i) || !shared || !*shared) {
          failures.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(database.GetStatistics().writes, 8'000u);
}

TEST(Concurrent, ClosingWhileOthersWriteRefusesThemAndKeepsWhatWasAcknowledged) {
  const TemporaryDirectory directory;
  for (int round = 0; round < 10; ++round) {
    std::optional<Database> database(Database::Open(directory / "db", TinyOptions()).value());
    std::array<std::atomic<std::uint64_t>, 2> acknowledged{};
    std::atomic<int> wrong{0};
    std::vector<std::thread> writers;
    for (std::size_t writer = 0; writer < 2; ++writer) {
      writers.emplace_back([&, writer] {
        for (std::uint64_t i = 1;; ++i) {
          const Result<void> put =
              database->Put("writer" + std::to_string(writer), std::to_string(i));
          if (!put) {
            wrong += put.error().code == ErrorCode::kClosed ? 0 : 1;
            return;
          }
          acknowledged[writer].store(i);
        }
      });
    }
    while (acknowledged[0].load() < 200 || acknowledged[1].load() < 200) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(database->Close().has_value());
    for (std::thread& writer : writers) {
      writer.join();
    }
    EXPECT_EQ(wrong.load(), 0);
    database.reset();
    Database again = Database::Open(directory / "db", TinyOptions()).value();
    for (std::size_t writer = 0; writer < 2; ++writer) {
      EXPECT_EQ(again.Get("writer" + std::to_string(writer)).value(),
                std::to_string(acknowledged[writer].load()));
    }
  }
}

TEST(Concurrent, WhatOutlivesTheDatabaseStaysReadable) {
  const TemporaryDirectory directory;
  std::optional<Database> database(Database::Open(directory / "db", TinyOptions()).value());
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(database->Put("key" + std::to_string(1000 + i), std::string(100, 'v')).has_value());
  }
  std::optional<Iterator> iterator(database->NewIterator());
  iterator->SeekToFirst();
  std::optional<Snapshot> snapshot(database->TakeSnapshot());
  std::optional<PinnedValue> pinned = database->GetPinned("key1100").value();
  ASSERT_TRUE(database->CompactRange().has_value());
  database.reset();

  int count = 0;
  for (; iterator->valid(); iterator->Next()) {
    ++count;
  }
  EXPECT_TRUE(iterator->status().has_value());
  EXPECT_EQ(count, 500);
  EXPECT_EQ(pinned->view(), std::string(100, 'v'));
  const auto busy = Database::Open(directory / "db", TinyOptions());
  ASSERT_FALSE(busy.has_value());
  EXPECT_EQ(busy.error().code, ErrorCode::kBusy);
  EXPECT_NE(busy.error().context.find('2'), std::string::npos) << busy.error().Describe();
  iterator.reset();
  EXPECT_EQ(Database::Open(directory / "db", TinyOptions()).error().code, ErrorCode::kBusy);
  snapshot.reset();
  EXPECT_TRUE(Database::Open(directory / "db", TinyOptions()).has_value());
  EXPECT_EQ(pinned->view(), std::string(100, 'v'));  // Needs nothing of the directory.
}

}  // namespace
}  // namespace firn
