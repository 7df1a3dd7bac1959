// SPDX-License-Identifier: Apache-2.0
#include "key_chooser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace firn::bench {
namespace {

std::vector<std::uint64_t> CountsOf(Distribution distribution, std::uint64_t keys, int draws) {
  KeyChooser chooser(distribution, keys, 42);
  std::vector<std::uint64_t> counts(keys);
  for (int i = 0; i < draws; ++i) {
    ++counts.at(chooser.Next());
  }
  return counts;
}

TEST(KeyChooser, ReachesEveryKeyAboutAsOftenWhenUniform) {
  const auto counts = CountsOf(Distribution::kUniform, 100, 100'000);
  EXPECT_GT(*std::ranges::min_element(counts), 800U);
  EXPECT_LT(*std::ranges::max_element(counts), 1'200U);
}

// With theta 0.99 and 1,000 keys the first has 1/zeta(1000), 12.9 percent, of all.
TEST(KeyChooser, HasPopularKeysWhenZipfian) {
  auto counts = CountsOf(Distribution::kZipfian, 1'000, 100'000);
  std::ranges::sort(counts, std::greater<>());
  EXPECT_GT(counts[0], 11'500U);
  EXPECT_LT(counts[0], 14'500U);
  EXPECT_GT(counts[0], counts[1]);
  EXPECT_GT(counts[1], counts[10]);
  EXPECT_GT(counts[10], counts[100]);
}

TEST(KeyChooser, ScattersThePopularKeys) {
  const auto counts = CountsOf(Distribution::kZipfian, 1'000, 10'000);
  EXPECT_NE(std::ranges::max_element(counts), counts.begin());
}

TEST(KeyChooser, StaysWithinTheKeySpaceHoweverSmall) {
  for (const std::uint64_t keys : {1U, 2U, 3U}) {
    for (const Distribution distribution : {Distribution::kUniform, Distribution::kZipfian}) {
      EXPECT_EQ(CountsOf(distribution, keys, 1'000).size(), keys);
    }
  }
}

TEST(KeyChooser, RepeatsItselfFromTheSameSeed) {
  KeyChooser one(Distribution::kZipfian, 1'000, 3);
  KeyChooser same(Distribution::kZipfian, 1'000, 3);
  KeyChooser other(Distribution::kZipfian, 1'000, 4);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t key = one.Next();
    EXPECT_EQ(key, same.Next());
    differs |= key != other.Next();
  }
  EXPECT_TRUE(differs);
}

TEST(KeyText, IsAsLongAsAsked) {
  EXPECT_EQ(KeyText(42, 8), "00000042");
  EXPECT_EQ(KeyText(12'345, 3), "12345");
}

}  // namespace
}  // namespace firn::bench
