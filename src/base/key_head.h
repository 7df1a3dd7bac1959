// SPDX-License-Identifier: Apache-2.0
//
// A key head is the first eight bytes of a key, after a prefix that all keys of a node or block
// share, as a big-endian integer padded with zeros. Comparing heads compares keys, except that
// equal heads decide nothing: "a" and "a\0" have the same one, and so have keys that differ later.
// Every ordered structure of Firn searches an array of heads first and looks at whole keys only on
// a tie.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/coding.h"

namespace firn {

inline constexpr std::size_t kHeadBytes = 8;

// The head of `key` after its first `skip` bytes. Requires skip <= key.size().
inline std::uint64_t KeyHead(std::string_view key, std::size_t skip = 0) {
  const std::size_t left = key.size() - skip;
  std::uint64_t head = 0;
  if (left >= kHeadBytes) [[likely]] {
    std::memcpy(&head, key.data() + skip, kHeadBytes);
    return __builtin_bswap64(head);
  }
  if (key.size() >= kHeadBytes) {  // The last eight bytes without those that come before `skip`.
    std::memcpy(&head, key.data() + key.size() - kHeadBytes, kHeadBytes);
    return __builtin_bswap64(head) << 8 << 8 * (kHeadBytes - 1 - left);
  }
  for (std::size_t i = 0; i < left; ++i) {
    head |= std::uint64_t{static_cast<std::uint8_t>(key[skip + i])} << (56 - 8 * i);
  }
  return head;
}

// Head i of an array that may hold heads cut to fewer bytes.
template <typename Head>
std::uint64_t LoadHead(const char* heads, std::size_t i) {
  return LoadLittle<Head>(heads + i * sizeof(Head));
}

// The first of n ascending heads that is not below `wanted`, or n. Takes ceil(log2 n) steps without
// a branch that depends on data.
template <typename Head>
std::uint32_t LowerHead(const char* heads, std::size_t n, std::uint64_t wanted) {
  if (n == 0) {
    return 0;
  }
  std::size_t base = 0;
  while (n > 1) {
    const std::size_t half = n / 2;
    base += half & (std::size_t{0} - (LoadHead<Head>(heads, base + half - 1) < wanted));
    n -= half;
  }
  return static_cast<std::uint32_t>(base + (LoadHead<Head>(heads, base) < wanted));
}
inline std::uint32_t LowerHead(std::span<const std::uint64_t> heads, std::uint64_t wanted) {
  return LowerHead<std::uint64_t>(reinterpret_cast<const char*>(heads.data()), heads.size(),
                                  wanted);
}

inline std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  const std::size_t limit = a.size() < b.size() ? a.size() : b.size();
  std::size_t i = 0;
  for (; i + 8 <= limit; i += 8) {
    std::uint64_t x;
    std::uint64_t y;
    std::memcpy(&x, a.data() + i, 8);
    std::memcpy(&y, b.data() + i, 8);
    if (x != y) {
      return i + static_cast<std::size_t>(std::countr_zero(x ^ y)) / 8;
    }
  }
  while (i < limit && a[i] == b[i]) {
    ++i;
  }
  return i;
}

}  // namespace firn
