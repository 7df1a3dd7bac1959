// SPDX-License-Identifier: Apache-2.0
//
// Asking for memory before it is needed, so that several cache misses are waited for at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace firn {

inline constexpr std::size_t kCacheLineBytes = 64;

// Every line that holds one of `bytes` from `begin` on. The memory need not be mapped.
inline void PrefetchLines(const void* begin, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(begin) & ~(kCacheLineBytes - 1);
  const auto end = reinterpret_cast<std::uintptr_t>(begin) + bytes;
  for (std::uintptr_t line = first; line < end; line += kCacheLineBytes) {
    __builtin_prefetch(reinterpret_cast<const void*>(line));
  }
}

}  // namespace firn
