// SPDX-License-Identifier: Apache-2.0
//
// The cache under many readers, with room for few blocks: what it holds stays within its capacity,
// what was evicted stays readable for those who look at it, and memory goes back.
#include "storage/table/block_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/epoch.h"
#include "base/sanitized.h"
#include "storage/table/block_memory.h"
#include "storage/table/table_cursor.h"
#include "storage/table/table_testing.h"

namespace firn {
namespace {

using namespace table_testing;

BlockReference MakeBlock(std::size_t value_bytes) {
  BlockBuilder builder;
  const std::string value(value_bytes, 'v');
  builder.Add({"key", {1}, Kind::kPut, value});
  std::string bytes;
  builder.Finish(bytes);
  auto block = CachedBlock::Make(bytes.size());
  bytes.copy(block->room().data(), bytes.size());
  block->Parse(bytes.size()).value();
  return block;
}

TEST(BlockCache, EvictsWhatWasNotUsedFirst) {
  const std::size_t charge = MakeBlock(1000)->charge();
  BlockCache cache(20 * charge);
  std::vector<BlockSlot> slots(40);
  for (std::size_t i = 0; i < 20; ++i) {
    cache.Insert(slots[i], MakeBlock(1000), BlockCache::kCold);
  }
  EXPECT_EQ(cache.used_bytes(), 20 * charge);
  for (std::size_t i = 0; i < 20; i += 2) {
    BlockCache::Pin(slots[i])->MarkUsed();
  }
  for (std::size_t i = 20; i < 30; ++i) {
    cache.Insert(slots[i], MakeBlock(1000), BlockCache::kCold);
  }
  std::size_t unused_left = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    const bool cached = static_cast<bool>(BlockCache::Pin(slots[i]));
    EXPECT_TRUE(cached || i % 2 != 0) << i;
    unused_left += cached && i % 2 != 0 ? 1 : 0;
  }
  EXPECT_LT(unused_left, 10u);
  EXPECT_EQ(cache.used_bytes(), 20 * charge);
  cache.Remove(slots);
}

TEST(BlockCache, ShrinksAndGrowsWhileInUse) {
  const std::size_t charge = MakeBlock(1000)->charge();
  BlockCache cache(100 * charge);
  std::vector<BlockSlot> slots(100);
  for (BlockSlot& slot : slots) {
    cache.Insert(slot, MakeBlock(1000), BlockCache::kWarm);
  }
  cache.SetCapacity(30 * charge);
  EXPECT_EQ(cache.used_bytes(), 30 * charge);
  cache.SetCapacity(0);
  EXPECT_EQ(cache.used_bytes(), 0u);
  cache.Insert(slots[0], MakeBlock(1000), BlockCache::kWarm);
  EXPECT_FALSE(BlockCache::Pin(slots[0]));
  cache.SetCapacity(100 * charge);
  cache.Insert(slots[0], MakeBlock(1000), BlockCache::kWarm);
  EXPECT_TRUE(BlockCache::Pin(slots[0]));
  cache.Remove(slots);
}

TEST(BlockCache, PassesOnBlocksThatWouldFillIt) {
  const std::size_t charge = MakeBlock(8000)->charge();
  BlockCache cache(8 * charge - 1);
  std::vector<BlockSlot> slots(1);
  const BlockReference block = cache.Insert(slots[0], MakeBlock(8000), BlockCache::kWarm);
  EXPECT_TRUE(block);
  EXPECT_FALSE(BlockCache::Pin(slots[0]));
  EXPECT_EQ(cache.used_bytes(), 0u);
}

TEST(BlockCache, GivesTheSecondLoaderTheBlockOfTheFirst) {
  BlockCache cache(1 << 20);
  std::vector<BlockSlot> slots(1);
  const BlockReference first = cache.Insert(slots[0], MakeBlock(10), BlockCache::kCold);
  const std::size_t used = cache.used_bytes();
  const BlockReference second = cache.Insert(slots[0], MakeBlock(10), BlockCache::kCold);
  EXPECT_EQ(first.get(), second.get());
  EXPECT_EQ(cache.used_bytes(), used);
  cache.Remove(slots);
}

TEST(BlockCache, FreesWhatLeftItOnceNobodyLooks) {
  CollectEpochs();
  const std::size_t before = block_memory::CurrentUsage().live_bytes;
  {
    BlockCache cache(1 << 20);
    std::vector<BlockSlot> slots(50);
    for (BlockSlot& slot : slots) {
      cache.Insert(slot, MakeBlock(1000), BlockCache::kCold);
    }
    EXPECT_GE(block_memory::CurrentUsage().live_bytes, before + cache.used_bytes());
    cache.Remove(slots);
  }
  CollectEpochs();
  EXPECT_EQ(block_memory::CurrentUsage().live_bytes, before);
}

// Sanitizers see every block come and go: there nothing is kept.
TEST(BlockCache, KeepsTheMemoryOfBlocksThatLeftForThoseThatCome) {
  CollectEpochs();
  constexpr std::size_t kLittle = std::size_t{8} << 20;
  BlockCache cache(std::size_t{64} << 20);
  std::vector<BlockSlot> slots(8000);
  auto fill = [&] {
    for (BlockSlot& slot : slots) {
      cache.Insert(slot, MakeBlock(4000), BlockCache::kCold);
    }
  };
  auto empty = [&] {
    cache.Remove(slots);
    CollectEpochs();
  };
  fill();
  const std::size_t used = cache.used_bytes();
  const auto full = block_memory::CurrentUsage();
  empty();
  const auto emptied = block_memory::CurrentUsage();
  if (!kIsSanitized) {
    EXPECT_GE(emptied.free_bytes + kLittle, used);
  }
  fill();
  const auto refilled = block_memory::CurrentUsage();
  EXPECT_LE(refilled.live_bytes + refilled.free_bytes, full.live_bytes + full.free_bytes + kLittle);

  empty();
  cache.ReleaseUnused();
  EXPECT_LE(block_memory::CurrentUsage().free_bytes, kLittle);
  fill();
  cache.SetCapacity(0);
  CollectEpochs();
  EXPECT_LE(block_memory::CurrentUsage().free_bytes, kLittle);
}

TEST(BlockMemory, TakesLittleMoreThanWasAskedFor) {
  for (std::size_t bytes = 1; bytes < 600'000; bytes += 1 + bytes / 50) {
    const std::size_t footprint = block_memory::Footprint(bytes);
    EXPECT_GE(footprint, bytes);
    EXPECT_LE(footprint, std::max({bytes + 64, bytes + bytes / 16 + 1, std::size_t{64}}) +
                             (bytes > 262'144 ? 4096 : 0));
  }
}

// Sizes drift from one end of the range to the other while the total stays the same.
TEST(BlockMemory, GivesMemoryBackWhenSizesChange) {
  Random random(8);
  struct Allocation {
    char* memory = nullptr;
    std::size_t bytes = 0;
  };
  std::vector<Allocation> live(4000);
  std::size_t live_bytes_max = 0;
  for (const std::size_t size : {9000u, 5000u, 17'000u, 1200u, 33'000u, 9000u}) {
    for (std::size_t i = 0; i < 3 * live.size(); ++i) {
      Allocation& allocation = live[random.Below(live.size())];
      if (allocation.memory != nullptr) {
        ASSERT_EQ(allocation.memory[allocation.bytes - 1], allocation.memory[0]);
        block_memory::Free(allocation.memory, allocation.bytes);
      }
      allocation.bytes = size - random.Below(size / 4);
      allocation.memory = static_cast<char*>(block_memory::Allocate(allocation.bytes));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(allocation.memory) % 64, 0u);
      allocation.memory[0] = allocation.memory[allocation.bytes - 1] = static_cast<char>(i);
    }
    const auto usage = block_memory::CurrentUsage();
    live_bytes_max = std::max(live_bytes_max, usage.live_bytes);
    EXPECT_LE(usage.free_bytes, usage.live_bytes / 5 + (std::size_t{6} << 20)) << size;
  }
  EXPECT_GT(live_bytes_max, 4000u * 9000);
  for (const Allocation& allocation : live) {
    if (allocation.memory != nullptr) {
      block_memory::Free(allocation.memory, allocation.bytes);
    }
  }
  const auto usage = block_memory::CurrentUsage();
  EXPECT_LE(usage.free_bytes, usage.live_bytes / 8 + (std::size_t{8} << 20));
}

// Nothing is freed while the second size comes: what it takes has to come from what the first left.
TEST(BlockMemory, WhatOneSizeLeftIsGivenBackWhileAnotherComes) {
  constexpr std::size_t kKept = std::size_t{32} << 20;
  constexpr std::size_t kFirst = 8000;
  constexpr std::size_t kSecond = 5000;
  block_memory::Keep(kKept);
  std::vector<void*> first(kKept / kFirst);
  for (void*& memory : first) {
    memory = block_memory::Allocate(kFirst);
    std::memset(memory, 1, kFirst);
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (i % 10 != 0) {  // No chunk becomes empty.
      block_memory::Free(std::exchange(first[i], nullptr), kFirst);
    }
  }
  std::vector<void*> second(kKept / kSecond * 4 / 5);
  for (void*& memory : second) {
    memory = block_memory::Allocate(kSecond);
    std::memset(memory, 2, kSecond);
    const auto usage = block_memory::CurrentUsage();
    ASSERT_LE(usage.live_bytes + usage.free_bytes,
              std::max(usage.live_bytes, kKept) / 8 * 9 + (std::size_t{4} << 20));
  }
  block_memory::KeepNoMore(kKept);
  for (void* memory : first) {
    if (memory != nullptr) {
      block_memory::Free(memory, kFirst);
    }
  }
  for (void* memory : second) {
    block_memory::Free(memory, kSecond);
  }
}

// Readers, walkers, evictions and table ends at once. Run under TSan and ASan.
TEST(BlockCacheConcurrency, ReadersAlwaysSeeWhatWasWritten) {
  Random random(31);
  const Entries entries = RandomEntries(random, {.count = 3000, .versions_max = 2});
  MemoryFileSystem files;
  WriteTable(files, entries, {.block_bytes = 512});
  const auto cache = std::make_shared<BlockCache>(24 << 10);
  std::atomic<bool> stop{false};
  auto read = [&](std::uint64_t seed) {
    Random mine(seed);
    for (int round = 0; round < 4; ++round) {
      const auto table = Table::Open(files, "/t.sst", cache).value();
      for (int i = 0; i < 1500; ++i) {
        const OwnedEntry& entry = entries[mine.Below(entries.size())];
        EXPECT_EQ(Reading().Find(*table, entry.key, entry.sequence).value(), entry);
        EXPECT_LE(cache->used_bytes(), std::size_t{24} << 10);
      }
      Table::Cursor cursor(table, kSequenceMax);
      cursor.Seek(entries[mine.Below(entries.size())].key);
      for (int i = 0; i < 300 && cursor.valid(); ++i) {
        EXPECT_EQ(cursor.state().value, Expected(entries, cursor.key(), kSequenceMax.value)->value);
        mine.OneIn(3) ? cursor.Prev() : cursor.Next();
      }
    }
  };
  // One table all threads share, so that they meet in its slots.
  const auto shared = Table::Open(files, "/t.sst", cache).value();
  auto read_shared = [&](std::uint64_t seed) {
    Random mine(seed);
    while (!stop.load()) {
      const OwnedEntry& entry = entries[mine.Below(entries.size())];
      EXPECT_EQ(Reading().Find(*shared, entry.key, entry.sequence).value(), entry);
    }
  };
  std::vector<std::thread> background;
  background.emplace_back(read_shared, 1);
  background.emplace_back(read_shared, 2);
  background.emplace_back([&] {
    for (Random mine(3); !stop.load(); std::this_thread::yield()) {
      cache->SetCapacity(mine.OneIn(2) ? std::size_t{24} << 10 : mine.Below(24 << 10));
    }
  });
  std::vector<std::thread> readers;
  readers.emplace_back(read, 4);
  readers.emplace_back(read, 5);
  for (std::thread& reader : readers) {
    reader.join();
  }
  stop.store(true);
  for (std::thread& thread : background) {
    thread.join();
  }
}

}  // namespace
}  // namespace firn
