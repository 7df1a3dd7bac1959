// SPDX-License-Identifier: Apache-2.0
//
// Memory for cached blocks, and for what is about as large and comes and goes: pieces of tables
// that are read or written. A cache that fills and empties for months must not take more memory
// than it accounts for, and its lookups should not wait for page tables. Blocks of about one size
// share chunks of 2 MiB, which are huge pages where many are in use. While more than an eighth of
// the memory is free, empty chunks and the pages of freed blocks go back to the system; except for
// what a cache used and is going to use again, since memory from the system is zeroed first, and a
// reader would wait for that.
//
// Measured with block sizes that change every second, a cache of 200 MiB held 1.32 times its
// capacity with malloc, 1.93 times with chunks alone, 1.14 times with pages given back.
//
// One for the process, since blocks may outlive the cache they came from. Thread-safe. Allocating
// and freeing take the lock of one size class. Under sanitizers it is malloc, so that they see
// every block.
#pragma once

#include <cstddef>
#include <utility>

namespace firn::block_memory {

// Aligned to 64 bytes; not zeroed. Aborts when the system has none left.
void* Allocate(std::size_t bytes);
// `bytes` as they were asked for.
void Free(void* memory, std::size_t bytes);

// How much caches keep of what they used at most, all together, and how much more or less they do
// now. Giving back starts with the next Free, when allocations have taken more, or with Trim.
void Keep(std::size_t bytes);
void KeepNoMore(std::size_t bytes);
// Gives back what is too much.
void Trim();

// What an allocation of `bytes` takes: at most a sixteenth more, or 64 bytes, or a page.
std::size_t Footprint(std::size_t bytes);

struct Usage {
  std::size_t live_bytes = 0;  // Footprints of what is allocated.
  std::size_t free_bytes = 0;  // Held from the system and not in use, except for pages given back.
};
Usage CurrentUsage();

// For a vector that is long and does not last: what it took goes back at once, while a heap would
// keep it for the thread that freed it.
template <typename T>
struct Allocator {
  using value_type = T;

  Allocator() = default;
  template <typename Other>
  Allocator(const Allocator<Other>&) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(block_memory::Allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) { block_memory::Free(memory, count * sizeof(T)); }
  friend bool operator==(const Allocator&, const Allocator&) = default;
};

// Bytes that are filled as a whole, again and again. Not thread-safe.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { Release(); }
  Buffer(Buffer&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Room for that many bytes. What was in it before may be lost. One that was made for a huge value
  // shrinks again.
  char* MakeRoom(std::size_t bytes) {
    if (bytes > size_ || bytes < size_ / 4) {
      Release();
      bytes_ = static_cast<char*>(Allocate(bytes));
      size_ = bytes;
    }
    return bytes_;
  }
  const char* data() const { return bytes_; }

 private:
  void Release() {
    if (bytes_ != nullptr) {
      Free(bytes_, size_);
      bytes_ = nullptr;
      size_ = 0;
    }
  }

  char* bytes_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace firn::block_memory
