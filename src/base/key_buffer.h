// SPDX-License-Identifier: Apache-2.0
//
// Room for the bytes of one key that is put together again and again: keys of usual length need no
// allocation. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace firn {

class KeyBuffer {
 public:
  const char* data() const { return heap_ != nullptr ? heap_.get() : inline_.data(); }
  char* data() { return heap_ != nullptr ? heap_.get() : inline_.data(); }

  // Makes room for `bytes` in all and keeps the first `kept`, which are there already.
  void Reserve(std::size_t bytes, std::size_t kept) {
    if (bytes > capacity()) [[unlikely]] {
      Grow(bytes, kept);
    }
  }

 private:
  static constexpr std::size_t kInlineBytes = 64;

  std::size_t capacity() const { return heap_ != nullptr ? heap_bytes_ : kInlineBytes; }
  void Grow(std::size_t bytes, std::size_t kept) {
    bytes = std::max(bytes, 2 * capacity());
    auto larger = std::make_unique_for_overwrite<char[]>(bytes);
    std::memcpy(larger.get(), data(), kept);
    heap_ = std::move(larger);
    heap_bytes_ = bytes;
  }

  std::array<char, kInlineBytes> inline_;
  std::unique_ptr<char[]> heap_;
  std::size_t heap_bytes_ = 0;
};

}  // namespace firn
