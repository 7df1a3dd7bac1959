// SPDX-License-Identifier: Apache-2.0
//
// Popularity as YCSB has it: theta 0.99, after Gray et al. 1994.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace firn::bench {

// Making one takes time in proportion to the number of entries, of which there is at least one.
class Zipfian {
 public:
  explicit Zipfian(std::uint64_t entries);
  // In [0, entries); 0 is the most popular.
  std::uint64_t Rank(Random& random) const;
  // The same with the popular ones scattered over [0, entries).
  std::uint64_t Scattered(Random& random) const {
    std::uint64_t rank = Rank(random);
    return SplitMix64(rank) % entries_;
  }

 private:
  const std::uint64_t entries_;
  double zeta_ = 0;  // The sum of all weights.
  double eta_ = 0;
};

}  // namespace firn::bench
