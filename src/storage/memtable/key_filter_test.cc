// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable/key_filter.h"

#include <gtest/gtest.h>

#include <cstdint>
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
    KeyFilter filter(expected);
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
    const KeyFilter filter(expected);
    EXPECT_EQ(FalsePositiveRate(filter), 0.0);
  }
}

// A memtable of 64 MiB holds some 400,000 entries of 116 bytes.
TEST(KeyFilter, LetsFewAbsentKeysThrough) {
  KeyFilter filter(std::size_t{64} << 20);
  for (std::uint64_t i = 0; i < 400'000; ++i) {
    filter.Add(HashOf(i));
  }
  EXPECT_LT(FalsePositiveRate(filter), 0.04);
}

TEST(KeyFilter, TakesItsShareAndNoMore) {
  EXPECT_LE(KeyFilter(0).memory_bytes(), 5000u);
  EXPECT_EQ(KeyFilter(std::size_t{64} << 20).memory_bytes() >> 10, 512u);
  EXPECT_EQ(KeyFilter((std::size_t{64} << 20) - 1).memory_bytes() >> 10, 256u);
}

}  // namespace
}  // namespace firn
