// SPDX-License-Identifier: Apache-2.0
//
// Seeded pseudo-random numbers (xoshiro256**, Blackman and Vigna 2018, seeded by splitmix64). The
// same seed gives the same numbers on every machine. Not for secrets, not thread-safe.
#pragma once

#include <bit>
#include <cstdint>

namespace firn {

// One step of splitmix64: also a fast mixing function for integers.
constexpr std::uint64_t SplitMix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      word = SplitMix64(seed);
    }
  }

  std::uint64_t Next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // In [0, limit); limit > 0. The bias of the multiplication is below 2^-32 for limits below 2^32.
  std::uint64_t Below(std::uint64_t limit) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * limit) >> 64);
  }

  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  std::uint64_t state_[4];
};

// A seed that differs from one process to the next, from the operating system.
std::uint64_t EntropySeed();

}  // namespace firn
