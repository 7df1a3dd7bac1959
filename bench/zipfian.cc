// SPDX-License-Identifier: Apache-2.0
#include "zipfian.h"

#include <algorithm>
#include <cmath>

namespace firn::bench {
namespace {

constexpr double kTheta = 0.99;

double Zeta(std::uint64_t entries) {
  double sum = 0;
  for (std::uint64_t rank = 1; rank <= entries; ++rank) {
    sum += std::pow(static_cast<double>(rank), -kTheta);
  }
  return sum;
}

}  // namespace

Zipfian::Zipfian(std::uint64_t entries) : entries_(entries), zeta_(Zeta(entries)) {
  eta_ = (1 - std::pow(2.0 / static_cast<double>(entries), 1 - kTheta)) / (1 - Zeta(2) / zeta_);
}

// The inverse of the distribution, exact for the first two ranks and approximate beyond.
std::uint64_t Zipfian::Rank(Random& random) const {
  const double uniform = static_cast<double>(random.Next() >> 11) * 0x1p-53;
  const double weight = uniform * zeta_;
  if (weight < 1) {
    return 0;
  }
  if (weight < 1 + std::pow(0.5, kTheta)) {
    return std::min<std::uint64_t>(1, entries_ - 1);
  }
  const double rank =
      static_cast<double>(entries_) * std::pow(eta_ * uniform - eta_ + 1, 1 / (1 - kTheta));
  return std::min(static_cast<std::uint64_t>(rank), entries_ - 1);
}

}  // namespace firn::bench
