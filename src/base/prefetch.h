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

// A range that is asked for in pieces, beside work on other memory: all lines at once would wait
// for each other, since a processor has few of them under way.
class PiecewisePrefetch {
 public:
  enum class From : bool { kFront, kBack };

  // In as many pieces, from that end on.
  void Start(const void* begin, std::size_t bytes, std::size_t pieces, From from) {
    begin_ = reinterpret_cast<std::uintptr_t>(begin) & ~(kCacheLineBytes - 1);
    end_ = reinterpret_cast<std::uintptr_t>(begin) + bytes + kCacheLineBytes - 1;
    end_ &= ~(kCacheLineBytes - 1);
    piece_ = (bytes / pieces + kCacheLineBytes) & ~(kCacheLineBytes - 1);
    from_ = from;
  }
  void Stop() { begin_ = end_ = 0; }
  // Asks for the next piece, if one is left.
  void Ask() {
    if (begin_ == end_) {
      return;
    }
    const std::uintptr_t bytes = piece_ < end_ - begin_ ? piece_ : end_ - begin_;
    if (from_ == From::kFront) {
      begin_ += bytes;
      PrefetchLines(reinterpret_cast<const void*>(begin_ - bytes), bytes);
    } else {
      end_ -= bytes;
      PrefetchLines(reinterpret_cast<const void*>(end_), bytes);
    }
  }

 private:
  std::uintptr_t begin_ = 0;
  std::uintptr_t end_ = 0;
  std::uintptr_t piece_ = 0;
  From from_ = From::kFront;
};

}  // namespace firn
