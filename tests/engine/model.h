// SPDX-License-Identifier: Apache-2.0
//
// The model that the engine is compared with: a fixed set of keys in order, each with the number of
// the value it holds. A state of the whole database is an array, so that snapshots and iterators of
// the model are copies of it. Values follow from their numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace firn {

// Value numbers by key index; 0 is absent.
using ModelState = std::vector<std::uint32_t>;

// Keys that are hard on comparisons by heads: short ones over few bytes, ties that differ in zeros
// or beyond eight bytes, numbered ones, and a few that are long.
class ModelKeys {
 public:
  ModelKeys(std::uint64_t seed, std::size_t count) {
    Random random(seed);
    std::set<std::string> keys;
    while (keys.size() < count) {
      keys.insert(Draw(random));
    }
    keys_.assign(keys.begin(), keys.end());
  }

  std::size_t size() const { return keys_.size(); }
  const std::string& operator[](std::size_t index) const { return keys_[index]; }
  // Index of the first key >= `key`.
  std::size_t LowerBound(std::string_view key) const {
    return static_cast<std::size_t>(std::lower_bound(keys_.begin(), keys_.end(), key) -
                                    keys_.begin());
  }

  // A key of the set, or one near it that is not.
  std::string DrawNear(Random& random) const {
    std::string key = keys_[random.Below(keys_.size())];
    switch (random.Below(4)) {
      case 0: key += '\0'; break;
      case 1:
        if (key.size() > 1) {
          key.pop_back();
        }
        break;
      default: break;
    }
    return key;
  }

 private:
  static std::string Draw(Random& random) {
    static constexpr std::string_view kBytes("\0a\xff", 3);
    std::string key;
    switch (random.Below(8)) {
      case 0:
      case 1:
        for (std::uint64_t i = 0; i <= random.Below(12); ++i) {
          key += kBytes[random.Below(kBytes.size())];
        }
        break;
      case 2:
        key = "samehead" + std::string(random.Below(4), '\0') + std::to_string(random.Below(50));
        break;
      case 3:
        key = std::string(200 + random.Below(300), 'l') + std::to_string(random.Below(20));
        break;
      default: key = "user:" + std::to_string(10000 + random.Below(3000));
    }
    return key;
  }

  std::vector<std::string> keys_;
};

// The value of a number: mostly short, sometimes empty, seldom larger than a block.
inline void ValueOf(std::uint32_t number, std::string& value) {
  std::uint64_t mix = number;
  const std::uint64_t random = SplitMix64(mix);
  const std::uint64_t sort = random % 256;
  const std::size_t length = sort == 0   ? 1500 + (random >> 8) % 1500
                             : sort < 24 ? 100 + (random >> 8) % 300
                             : sort < 32 ? 0
                                         : 4 + (random >> 8) % 28;
  value.resize(length);
  for (std::size_t i = 0; i < length; i += 4) {
    // Every other word of a long value repeats, so that it compresses.
    const std::uint32_t word =
        i >= 16 && i % 8 == 0 ? 0x61616161u : number + static_cast<std::uint32_t>(i);
    for (std::size_t byte = 0; byte < 4 && i + byte < length; ++byte) {
      value[i + byte] = static_cast<char>(word >> (8 * byte));
    }
  }
}

}  // namespace firn
