// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable/arena.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/page.h"
#include "base/random.h"
#include "base/sanitized.h"

namespace firn {
namespace {

TEST(Arena, KeepsEveryByteOfAllocationsOfAllSizes) {
  Random random(1);
  Arena arena(8);
  std::vector<std::pair<Arena::Space, std::size_t>> spaces;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t bytes = random.OneIn(100) ? 1 + random.Below(600'000) : 1 + random.Below(500);
    const Arena::Space space = arena.Allocate(bytes);
    std::memset(space.bytes, i % 251, bytes);
    spaces.emplace_back(space, bytes);
  }
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    const auto& [space, bytes] = spaces[i];
    ASSERT_NE(space.ref, kNoRef);
    ASSERT_EQ(arena.At<char>(space.ref), space.bytes) << i;
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(space.bytes) % 8, 0u) << i;
    for (std::size_t at : {std::size_t{0}, bytes / 2, bytes - 1}) {
      ASSERT_EQ(static_cast<std::uint8_t>(space.bytes[at]), i % 251) << i << " @" << at;
    }
  }
}

TEST(Arena, AlignsAsItWasAsked) {
  Arena arena(64);
  for (std::size_t bytes : {1u, 63u, 64u, 65u, 2000u, 100'000u, 1u, 3'000'000u, 832u}) {
    const Arena::Space space = arena.Allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(space.bytes) % 64, 0u) << bytes;
  }
}

TEST(Arena, CostsNothingBeforeItIsUsedAndLittleWhenItIsSmall) {
  Arena arena(8);
  EXPECT_EQ(arena.allocated_bytes(), 0u);
  arena.Allocate(100);
  EXPECT_LE(arena.allocated_bytes(), 8192u);
}

TEST(Arena, StaysWithinAQuarterOfWhatWasAskedOnceItHasGrown) {
  Arena arena(8);
  std::size_t asked = 0;
  while (asked < std::size_t{24} << 20) {
    arena.Allocate(136);
    asked += 136;
    if (asked > 64 << 10) {
      ASSERT_LE(arena.allocated_bytes(), asked + asked / 4);
    }
  }
}

TEST(Arena, GivesALargeAllocationItsOwnChunkAndGoesOnInTheOldOne) {
  Arena arena(8);
  const Arena::Space before = arena.Allocate(16);
  const std::size_t small = arena.allocated_bytes();
  const Arena::Space large = arena.Allocate(std::size_t{64} << 20);
  large.bytes[(std::size_t{64} << 20) - 1] = 'z';
  EXPECT_LE(arena.allocated_bytes(), small + (std::size_t{64} << 20) + 4096);
  const Arena::Space after = arena.Allocate(16);
  EXPECT_EQ(after.bytes, before.bytes + 16);
}

constexpr std::size_t kMebi = std::size_t{1} << 20;

void Fill(Arena& arena, std::size_t bytes) {
  for (std::size_t filled = 0; filled < bytes; filled += 4096) {
    std::memset(arena.Allocate(4096).bytes, 0x5A, 4096);
  }
}

TEST(ChunkPool, HandsTheChunksOfOneMemtableToTheNext) {
  ChunkPool pool(64 * kMebi);
  {
    Arena arena(8, &pool);
    Fill(arena, 60 * kMebi);
  }
  pool.BeginMemtable();
  {
    Arena arena(8, &pool);  // Nothing is kept while the one before may still grow.
    Fill(arena, 60 * kMebi);
    pool.BeginMemtable();
  }
  const std::size_t held = pool.held_bytes();
  EXPECT_GE(held, 40 * kMebi);
  Arena arena(8, &pool);
  Fill(arena, 1);
  EXPECT_EQ(pool.held_bytes(), held - ChunkPool::kChunkBytes);
  EXPECT_GE(arena.allocated_bytes(), ChunkPool::kChunkBytes);
  Fill(arena, 30 * kMebi);
  EXPECT_LE(arena.allocated_bytes(), 33 * kMebi);
  pool.Release();
  EXPECT_EQ(pool.held_bytes(), 0u);
  Fill(arena, 10 * kMebi);
}

TEST(ChunkPool, ServesWritersWithTheMemoryOfTwoMemtables) {
  ChunkPool pool(64 * kMebi);
  auto frozen = std::make_unique<Arena>(8, &pool);
  Fill(*frozen, 60 * kMebi);
  for (int round = 0; round < 5; ++round) {
    pool.BeginMemtable();
    auto active = std::make_unique<Arena>(8, &pool);
    Fill(*active, 30 * kMebi);
    frozen.reset();  // Flushed while the next one was half full.
    const std::size_t held = pool.held_bytes();
    EXPECT_GE(held, 40 * kMebi) << "enough for this one and half of the next";
    EXPECT_LE(active->allocated_bytes() + held, 128 * kMebi);
    Fill(*active, 30 * kMebi);
    frozen = std::move(active);
  }
}

TEST(ChunkPool, HoldsOneMemtableAtMostAndSaysWhatIsForTheNext) {
  ChunkPool pool(64 * kMebi);
  std::vector<std::unique_ptr<Arena>> full(3);
  for (auto& arena : full) {
    pool.BeginMemtable();
    arena = std::make_unique<Arena>(8, &pool);
    Fill(*arena, 60 * kMebi);
  }
  pool.BeginMemtable();
  Arena next(8, &pool);
  Fill(next, 20 * kMebi);
  EXPECT_EQ(pool.surplus_bytes(), 0u);
  full.clear();
  EXPECT_EQ(pool.held_bytes(), 64 * kMebi);
  EXPECT_EQ(pool.surplus_bytes(), next.allocated_bytes());
  pool.BeginMemtable();
  EXPECT_EQ(pool.surplus_bytes(), 0u);
}

TEST(ChunkPool, KeepsNothingOfSmallMemtables) {
  ChunkPool pool(ChunkPool::kMemtableBytesMin - 1);
  pool.Prepare();
  EXPECT_EQ(pool.held_bytes(), 0u);
  {
    Arena arena(8, &pool);
    Fill(arena, 30 * kMebi);  // One that grew beyond its size.
    pool.BeginMemtable();
  }
  EXPECT_EQ(pool.held_bytes(), 0u);
}

TEST(ChunkPool, AFlushWithoutAWriterLeavesNothing) {
  ChunkPool pool(64 * kMebi);
  auto flush = [&pool](std::size_t written_meanwhile) {
    auto frozen = std::make_unique<Arena>(8, &pool);
    Fill(*frozen, 60 * kMebi);
    pool.BeginMemtable();
    pool.BeginFlush();
    Arena active(8, &pool);
    Fill(active, written_meanwhile);
    pool.EndFlush();
    frozen.reset();  // When its last reader has left.
  };
  flush(1);
  EXPECT_GT(pool.held_bytes(), 40 * kMebi);
  flush(0);
  EXPECT_EQ(pool.held_bytes(), 0u);
  flush(1);
  EXPECT_GT(pool.held_bytes(), 40 * kMebi) << "somebody writes again";
  pool.BeginFlush();
  pool.Prepare();  // Somebody writes, but has not come to the end of a chunk.
  pool.EndFlush();
  EXPECT_GT(pool.held_bytes(), 40 * kMebi);
}

TEST(ChunkPool, GivesBackWhatSmallerMemtablesDoNotTake) {
  ChunkPool pool(64 * kMebi);
  pool.Prepare();
  pool.SetMemtableBytes(32 * kMebi);
  EXPECT_EQ(pool.held_bytes(), ChunkPool::kChunkBytes);
  pool.SetMemtableBytes(4 * kMebi);
  EXPECT_EQ(pool.held_bytes(), 0u);
  EXPECT_EQ(pool.Take(), nullptr);
}

TEST(ChunkPool, PreparesAChunkForTheMemtableThatFillsOrTheNext) {
  ChunkPool pool(64 * kMebi);
  Arena arena(8, &pool);
  Fill(arena, 10 * kMebi);
  EXPECT_EQ(pool.held_bytes(), 0u);
  pool.Prepare();
  pool.Prepare();
  EXPECT_EQ(pool.held_bytes(), ChunkPool::kChunkBytes);
  EXPECT_EQ(pool.surplus_bytes(), 0u);
  Fill(arena, 3 * kMebi);
  EXPECT_EQ(pool.held_bytes(), 0u);
  Fill(arena, 51 * kMebi);
  pool.Prepare();
  EXPECT_EQ(pool.held_bytes(), ChunkPool::kChunkBytes);
  EXPECT_GT(pool.surplus_bytes(), 0u) << "the memtable is about full: the budget pays twice";
  pool.BeginMemtable();
  EXPECT_EQ(pool.surplus_bytes(), 0u);
}

TEST(ChunkPool, APreparedChunkIsStoredToWithoutPageFaults) {
  ChunkPool pool(64 * kMebi);
  std::thread([&pool] { pool.Prepare(); }).join();
  char* const chunk = pool.Take();
  ASSERT_NE(chunk, nullptr);
  rusage before = {};
  getrusage(RUSAGE_THREAD, &before);
  std::memset(chunk, 1, ChunkPool::kChunkBytes);
  rusage after = {};
  getrusage(RUSAGE_THREAD, &after);
  // Sanitizers have memory of their own about it.
  EXPECT_LE(after.ru_minflt - before.ru_minflt, kIsSanitized ? 100 : 8);
  ChunkPool::Unmap(chunk);
}

// Else the first of every twenty records of 100 KB would wait for a huge page, the others for none.
TEST(Arena, LargeRecordsComeToOnePageAfterTheOther) {
  constexpr std::size_t kRecord = 100'000;
  Arena arena(8);
  while (arena.allocated_bytes() < 16 * kMebi) {
    arena.Allocate(kRecord);
  }
  for (std::size_t record = 0; record < 40; ++record) {
    char* const bytes = arena.Allocate(kRecord).bytes;
    rusage before = {};
    getrusage(RUSAGE_THREAD, &before);
    std::memset(bytes, 1, kRecord);
    rusage after = {};
    getrusage(RUSAGE_THREAD, &after);
    EXPECT_GE(after.ru_minflt - before.ru_minflt, static_cast<long>(kRecord / kPageBytes) - 1);
  }
}

// Memtables end in any thread.
TEST(ChunkPool, IsThreadSafe) {
  ChunkPool pool(20 * kMebi);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&pool] {
      for (int round = 0; round < 200; ++round) {
        pool.Prepare();
        char* chunk = pool.Take();
        if (chunk == nullptr) {
          chunk = ChunkPool::Map(ChunkPool::Pages::kHuge);
        }
        chunk[round] = 1;
        pool.BeginMemtable();
        pool.Keep(chunk);
        EXPECT_LE(pool.held_bytes(), 20 * kMebi);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace firn
