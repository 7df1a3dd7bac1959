// SPDX-License-Identifier: Apache-2.0
//
// Values below 256 have a bucket each. A greater one is shifted right until it is below 256, when
// its top bit is bit 7; the shift chooses a group of 128 buckets, and the rest one in the group.
#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace firn::bench {

std::size_t Histogram::BucketOf(std::uint64_t value) {
  const unsigned width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width > kBucketBits + 1 ? width - kBucketBits - 1 : 0;
  return (std::size_t{shift} << kBucketBits) + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::LastOf(std::size_t bucket) {
  const std::size_t shift = bucket >> (kBucketBits + 1) == 0 ? 0 : (bucket >> kBucketBits) - 1;
  return ((bucket - (shift << kBucketBits) + 1) << shift) - 1;
}

void Histogram::Add(std::chrono::nanoseconds latency) {
  const std::int64_t value = std::max<std::int64_t>(latency.count(), 0);
  ++counts_[BucketOf(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds Histogram::Quantile(double part) const {
  const double rank = std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(count_));
  const std::uint64_t wanted = std::max<std::uint64_t>(static_cast<std::uint64_t>(rank), 1);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) {
      const auto last = static_cast<std::int64_t>(LastOf(bucket));
      return std::chrono::nanoseconds(std::min(last, max_));
    }
  }
  return max();
}

}  // namespace firn::bench
