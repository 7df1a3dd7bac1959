// SPDX-License-Identifier: Apache-2.0
//
// The kinds of keys that the memtable's tests insert: each stresses another part of the tree,
// mostly its prefixes. Deterministic in the random numbers given.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/random.h"

namespace firn {

enum class KeyShape {
  kRandom,        // 16 random bytes.
  kAscending,     // user:0000000001 and so on.
  kDescending,    // The same from the top.
  kSharedPrefix,  // A prefix of 16 bytes, then random ones.
  kStreams,       // Four ascending streams under prefixes of their own, interleaved.
  kUrls,          // Long shared prefixes of varying length.
  kOneByte,       // All one-byte keys.
  kZeros,         // Short strings of the bytes 0, 1 and 255: heads tie.
  kNested,        // "a", "aa", "aaa"…: each the prefix of the next.
  kMixed,         // Anything of the above.
  kLong,          // Up to 64 KiB, alike but for a few bytes anywhere.
};

inline constexpr std::array kAllKeyShapes{
    KeyShape::kRandom,  KeyShape::kAscending, KeyShape::kDescending, KeyShape::kSharedPrefix,
    KeyShape::kStreams, KeyShape::kUrls,      KeyShape::kOneByte,    KeyShape::kZeros,
    KeyShape::kNested,  KeyShape::kMixed,     KeyShape::kLong};

inline std::string RandomBytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random.Next());
  }
  return bytes;
}

inline std::string Padded(std::uint64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

inline std::string MakeKey(KeyShape shape, std::uint64_t i, Random& random) {
  switch (shape) {
    case KeyShape::kRandom: return RandomBytes(random, 16);
    case KeyShape::kAscending: return "user:" + Padded(i, 10);
    case KeyShape::kDescending: return "user:" + Padded(9'999'999'999 - i, 10);
    case KeyShape::kSharedPrefix: return "keyspace/shared/" + RandomBytes(random, 4);
    case KeyShape::kStreams: return "stream-" + Padded(i % 4, 9) + "/" + Padded(i / 4, 8);
    case KeyShape::kUrls:
      return "https://www.example" + std::to_string(random.Below(20)) + ".com/articles/" +
             std::to_string(random.Below(50)) + "/page-" + std::to_string(random.Below(1000));
    case KeyShape::kOneByte: return {static_cast<char>(random.Next())};
    case KeyShape::kZeros: {
      std::string key(1 + random.Below(12), '\0');
      for (char& byte : key) {
        byte = "\0\0\0\x01\xFF"[random.Below(5)];
      }
      return key;
    }
    case KeyShape::kNested: return std::string(1 + random.Below(600), 'a');
    case KeyShape::kMixed: return MakeKey(kAllKeyShapes[random.Below(9)], i, random);
    case KeyShape::kLong: {
      std::string key(1 + random.Below(64 << 10), 'k');
      key.resize(random.OneIn(3) ? std::size_t{64} << 10 : key.size(), 'k');
      key[random.Below(key.size())] = static_cast<char>(random.Next());
      return key;
    }
  }
  return {};
}

}  // namespace firn
