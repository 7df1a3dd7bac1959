// SPDX-License-Identifier: Apache-2.0
#include "key_sequence.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace firn::bench {
namespace {

constexpr double kTheta = 0.99;
constexpr std::uint64_t kHotPart = 100;

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

KeySequence::KeySequence(const KeyPlan& plan)
    : order_(plan.order),
      entries_(plan.entries),
      random_(plan.seed * 1000 + plan.index),
      next_(plan.order == KeyOrder::kInOrder ? plan.entries * plan.index / plan.parts : 0) {
  if (order_ == KeyOrder::kShuffled) {
    Shuffle(plan);
  } else if (order_ != KeyOrder::kInOrder && order_ != KeyOrder::kUniform) {
    Draw(plan);
  }
}

// All threads shuffle alike, and each keeps its part.
void KeySequence::Shuffle(const KeyPlan& plan) {
  std::vector<std::uint32_t> all(entries_);
  std::iota(all.begin(), all.end(), 0);
  Random random(plan.seed);
  for (std::uint64_t i = entries_; i > 1; --i) {
    std::swap(all[i - 1], all[random.Below(i)]);
  }
  const auto part = [&](std::uint64_t index) {
    return all.begin() + static_cast<std::ptrdiff_t>(entries_ * index / plan.parts);
  };
  drawn_.assign(part(plan.index), part(plan.index + 1));
}

void KeySequence::Draw(const KeyPlan& plan) {
  drawn_.resize(plan.count);
  if (order_ == KeyOrder::kHot) {
    const std::uint64_t hot = std::max<std::uint64_t>(entries_ / kHotPart, 1);
    for (std::uint32_t& number : drawn_) {
      number = static_cast<std::uint32_t>(random_.Below(hot) * (entries_ / hot));
    }
    return;
  }
  const Zipfian zipfian(entries_);
  for (std::uint32_t& number : drawn_) {
    std::uint64_t rank = zipfian.Rank(random_);
    number = static_cast<std::uint32_t>(order_ == KeyOrder::kLatest ? rank
                                                                    : SplitMix64(rank) % entries_);
  }
}

}  // namespace firn::bench
