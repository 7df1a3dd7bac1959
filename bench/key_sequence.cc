// SPDX-License-Identifier: Apache-2.0
#include "key_sequence.h"

#include <algorithm>
#include <numeric>

#include "zipfian.h"

namespace firn::bench {
namespace {

constexpr std::uint64_t kHotPart = 100;

}  // namespace

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
    number = static_cast<std::uint32_t>(order_ == KeyOrder::kLatest ? zipfian.Rank(random_)
                                                                    : zipfian.Scattered(random_));
  }
}

}  // namespace firn::bench
