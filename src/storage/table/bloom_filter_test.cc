// SPDX-License-Identifier: Apache-2.0
#include "storage/table/bloom_filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/hash.h"

namespace firn {
namespace {

std::vector<std::uint64_t> HashesOf(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < count; ++i) {
    hashes.push_back(Hash64("user" + std::to_string(first + i)));
  }
  return hashes;
}

double FalsePositiveRate(const BloomFilter& filter) {
  constexpr std::size_t kTries = 200'000;
  std::size_t wrong = 0;
  for (const std::uint64_t hash : HashesOf(1'000'000'000, kTries)) {
    wrong += filter.MayContain(hash) ? 1 : 0;
  }
  return static_cast<double>(wrong) / kTries;
}

TEST(Bloom, NeverForgetsAKeyItWasGiven) {
  for (unsigned bits = 0; bits <= kBloomBitsPerKeyMax; ++bits) {
    for (const std::size_t count : {1u, 2u, 63u, 1000u, 20'000u}) {
      const auto hashes = HashesOf(0, count);
      const BloomFilter filter(hashes, bits);
      for (const std::uint64_t hash : hashes) {
        ASSERT_TRUE(filter.MayContain(hash)) << bits << " bits, " << count << " keys";
      }
    }
  }
}

TEST(Bloom, ExcludesNothingWithoutBitsOrKeys) {
  const auto hashes = HashesOf(0, 10);
  EXPECT_TRUE(BloomFilter(hashes, 0).empty());
  EXPECT_TRUE(BloomFilter(hashes, 0).MayContain(Hash64("other")));
  EXPECT_TRUE(BloomFilter(std::span<const std::uint64_t>(), 10).MayContain(Hash64("other")));
}

// The classic rate with the same bits and probes is a floor. Lines hold unequal numbers of keys,
// which costs little at few bits and more at many.
TEST(Bloom, ErrsAboutAsOftenAsTheorySays) {
  const auto hashes = HashesOf(0, 100'000);
  for (const unsigned bits : {4u, 8u, 10u, 12u, 16u, 20u}) {
    const BloomFilter filter(hashes, bits);
    const double probes = BloomFilter::ProbesFor(bits);
    const double classic = std::pow(1 - std::exp(-probes / bits), probes);
    const double rate = FalsePositiveRate(filter);
    EXPECT_GT(rate, classic * 0.7) << bits;
    EXPECT_LT(rate, classic * (bits <= 10 ? 1.5 : bits <= 16 ? 4 : 12)) << bits;
  }
  EXPECT_LT(FalsePositiveRate(BloomFilter(hashes, 10)), 0.012);
  EXPECT_LT(FalsePositiveRate(BloomFilter(hashes, 32)), 0.0002);
}

TEST(Bloom, ReadsWhatItStored) {
  const auto hashes = HashesOf(0, 1000);
  const BloomFilter filter(hashes, 10);
  EXPECT_EQ(filter.bits(), (10'000u + 511) / 512 * 512);
  std::vector<BloomLine> lines(filter.bytes().size() / kBloomLineBytes);
  filter.bytes().copy(reinterpret_cast<char*>(lines.data()), filter.bytes().size());
  const BloomFilter again(std::move(lines), filter.probes());
  for (const std::uint64_t hash : HashesOf(500, 1000)) {
    EXPECT_EQ(again.MayContain(hash), filter.MayContain(hash));
  }
}

}  // namespace
}  // namespace firn
