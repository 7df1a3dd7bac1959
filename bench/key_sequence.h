// SPDX-License-Identifier: Apache-2.0
//
// In which order entries are asked for. The same seed gives the same order. What is dear to draw is
// drawn before the clock starts.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace firn::bench {

enum class KeyOrder : std::uint8_t {
  kInOrder,
  kShuffled,  // Each once.
  kUniform,
  kHot,      // Uniform over one key in a hundred.
  kZipfian,  // 0.99, popular keys anywhere.
  kLatest,   // Zipfian, counted back from the newest.
};

// What the part `index` of `parts` threads asks for.
struct KeyPlan {
  KeyOrder order = KeyOrder::kInOrder;
  std::uint64_t entries = 1;
  std::uint64_t count = 1;  // Operations of this thread.
  unsigned index = 0;
  unsigned parts = 1;
  std::uint64_t seed = 0;
};

// For one thread.
class KeySequence {
 public:
  explicit KeySequence(const KeyPlan& plan);

  // In [0, entries); with kLatest how far back from the newest. After `count` numbers it begins
  // anew.
  std::uint64_t Next() {
    if (order_ == KeyOrder::kUniform) {
      return random_.Below(entries_);
    }
    if (order_ == KeyOrder::kInOrder) {
      return next_ < entries_ ? next_++ : (next_ = 0)++;
    }
    if (next_ == drawn_.size()) {
      next_ = 0;
    }
    return drawn_[next_++];
  }

 private:
  void Shuffle(const KeyPlan& plan);
  void Draw(const KeyPlan& plan);

  const KeyOrder order_;
  const std::uint64_t entries_;
  Random random_;
  std::uint64_t next_ = 0;
  std::vector<std::uint32_t> drawn_;
};

}  // namespace firn::bench
