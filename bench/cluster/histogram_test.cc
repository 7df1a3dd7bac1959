// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/random.h"

namespace firn::bench {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, HasNothingToSayWhenItIsEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), nanoseconds(0));
  EXPECT_EQ(histogram.Quantile(0.99), nanoseconds(0));
}

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) {
    histogram.Add(nanoseconds(i));
  }
  EXPECT_EQ(histogram.Quantile(0), nanoseconds(1));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(50));
  EXPECT_EQ(histogram.Quantile(0.99), nanoseconds(99));
  EXPECT_EQ(histogram.Quantile(1), nanoseconds(100));
}

TEST(Histogram, IsNeverBelowAndOnePartIn128AboveAtMost) {
  Random random(7);
  Histogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::int64_t>(random.Next() >> (2 + random.Below(61))));
    histogram.Add(nanoseconds(values.back()));
  }
  std::ranges::sort(values);
  for (std::size_t i = 0; i < values.size(); i += 97) {
    const double part = static_cast<double>(i + 1) / static_cast<double>(values.size());
    const double got = static_cast<double>(histogram.Quantile(part - 1e-9).count());
    const auto want = static_cast<double>(values[i]);
    EXPECT_GE(got, want);
    EXPECT_LE(got, want + want / 128 + 1);
  }
}

TEST(Histogram, TakesAllThereIs) {
  Histogram histogram;
  histogram.Add(nanoseconds(-5));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
  histogram.Add(nanoseconds(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.Quantile(1), nanoseconds(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(0));
}

TEST(Histogram, MergesAsIfAllHadBeenAddedToOne) {
  Random random(11);
  Histogram parts[2];
  Histogram whole;
  for (int i = 0; i < 5'000; ++i) {
    const nanoseconds latency(static_cast<std::int64_t>(random.Below(1'000'000)));
    parts[i % 2].Add(latency);
    whole.Add(latency);
  }
  parts[0].Merge(parts[1]);
  EXPECT_EQ(parts[0].count(), whole.count());
  EXPECT_EQ(parts[0].max(), whole.max());
  for (const double part : {0.1, 0.5, 0.9, 0.99, 0.999}) {
    EXPECT_EQ(parts[0].Quantile(part), whole.Quantile(part));
  }
}

}  // namespace
}  // namespace firn::bench
