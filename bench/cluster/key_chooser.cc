// SPDX-License-Identifier: Apache-2.0
#include "key_chooser.h"

#include <algorithm>
#include <cmath>

namespace firn::bench {
namespace {

constexpr double kTheta = 0.99;

double Zeta(std::uint64_t keys) {
  double sum = 0;
  for (std::uint64_t rank = 1; rank <= keys; ++rank) {
    sum += std::pow(static_cast<double>(rank), -kTheta);
  }
  return sum;
}

}  // namespace

KeyChooser::KeyChooser(Distribution distribution, std::uint64_t keys, std::uint64_t seed)
    : distribution_(distribution), keys_(keys), random_(seed) {
  if (distribution == Distribution::kZipfian) {
    zeta_ = Zeta(keys);
    eta_ = (1 - std::pow(2.0 / static_cast<double>(keys), 1 - kTheta)) / (1 - Zeta(2) / zeta_);
  }
}

// The inverse of the distribution, exact for the first two ranks and approximate beyond.
std::uint64_t KeyChooser::NextRank() {
  const double uniform = static_cast<double>(random_.Next() >> 11) * 0x1p-53;
  const double weight = uniform * zeta_;
  if (weight < 1) {
    return 0;
  }
  if (weight < 1 + std::pow(0.5, kTheta)) {
    return 1;
  }
  const double rank =
      static_cast<double>(keys_) * std::pow(eta_ * uniform - eta_ + 1, 1 / (1 - kTheta));
  return static_cast<std::uint64_t>(rank);
}

std::uint64_t KeyChooser::Next() {
  if (distribution_ == Distribution::kUniform) {
    return random_.Below(keys_);
  }
  std::uint64_t rank = NextRank();
  return SplitMix64(rank) % keys_;
}

std::string KeyText(std::uint64_t number, std::size_t bytes) {
  std::string digits = std::to_string(number);
  return std::string(bytes - std::min(bytes, digits.size()), '0') + digits;
}

}  // namespace firn::bench
