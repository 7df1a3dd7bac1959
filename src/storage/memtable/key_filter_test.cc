// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable/key_filter.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "base/hash.h"

namespace firn {
namespace {

std::uint64_t HashOf(std::uint64_t i) { return Hash64("user" + std::to_string(i)); }

double FalsePositiveRate(const KeyFilter& filter) {
  constexpr std::uint64_t kTries = 100'000;
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < kTries; ++i) {
    wrong += filter.MayContain(HashOf(1'000'000'000 + i)) ? 1 : 0;
  }
  return static_cast<double>(wrong) / kTries;
}

TEST(KeyFilter, NeverForgetsAKeyItWasGiven) {
  for (const std::size_t expected : {0u, 1u, 5000u, 1u << 20, (1u << 20) + 1}) {
    Arena arena(8);
    KeyFilter filter(arena, expected);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      filter.Add(HashOf(i));
    }
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      ASSERT_TRUE(filter.MayContain(HashOf(i))) << expected << " bytes, key " << i;
    }
  }
}

TEST(KeyFilter, HoldsNothingAtFirst) {
  for (const std::size_t expected : {std::size_t{0}, std::size_t{64} << 20}) {
    Arena arena(8);
    const KeyFilter filter(arena, expected);
    EXPECT_EQ(FalsePositiveRate(filter), 0.0);
  }
}

TEST(KeyFilter, HoldsNothingAtFirstInMemoryThatAnotherLeft) {
  ChunkPool pool(std::size_t{64} << 20);
  char* const left = ChunkPool::Map(ChunkPool::Pages::kHuge);
  std::memset(left, 0xFF, ChunkPool::kChunkBytes);
  pool.Keep(left);
  Arena arena(8, &pool);
  const KeyFilter filter(arena, std::size_t{64} << 20);
  EXPECT_EQ(pool.held_bytes(), 0u);
  EXPECT_EQ(FalsePositiveRate(filter), 0.0);
}

// A memtable of 64 MiB holds some 400,000 entries of 116 bytes.
TEST(KeyFilter, LetsFewAbsentKeysThrough) {
  Arena arena(8);
  KeyFilter filter(arena, std::size_t{64} << 20);
  for (std::uint64_t i = 0; i < 400'000; ++i) {
    filter.Add(HashOf(i));
  }
  EXPECT_LT(FalsePositiveRate(filter), 0.04);
}

TEST(KeyFilter, TakesItsShareAndNoMore) {
  auto bytes_for = [](std::size_t memtable_bytes) {
    Arena arena(8);
    const KeyFilter filter(arena, memtable_bytes);
    EXPECT_GE(arena.allocated_bytes(), filter.bytes());
    EXPECT_LE(arena.allocated_bytes(), filter.bytes() + 1000);
    return filter.bytes();
  };
  EXPECT_LE(bytes_for(0), 5000u);
  EXPECT_EQ(bytes_for(std::size_t{64} << 20), 512u << 10);
  EXPECT_EQ(bytes_for((std::size_t{64} << 20) - 1), 256u << 10);
}

}  // namespace
}  // namespace firn
