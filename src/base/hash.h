// SPDX-License-Identifier: Apache-2.0
//
// 64-bit hashes that may be written to disk: XXH3 with its default secret, stable for ever.
#pragma once

#include <cstdint>
#include <string_view>

namespace firn {

std::uint64_t Hash64(std::string_view bytes);

// Mixes two words into one in which every bit depends on every bit of both.
constexpr std::uint64_t Mix64(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a + 0x9E3779B97F4A7C15 * (b + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace firn
