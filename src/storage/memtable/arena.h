// SPDX-License-Identifier: Apache-2.0
//
// Append-only memory of one memtable, in chunks that end together. What lies in it
// is named by 32-bit references (14 bits of chunk, 18 bits of offset in units of 8 bytes), half the
// size of pointers, since the nodes of the tree hold little else.
//
// Chunks grow with the arena, from 4 KiB to 2 MiB, each about an eighth of what is there, so that a
// small memtable stays small and no more than that eighth is ever idle. What is larger than a
// quarter of a chunk and does not fit gets a chunk of its own. An arena can thus hold at least 8
// GiB. Chunks that a pool kept are taken first, whatever the size that is due: they are there.
//
// One thread allocates. Any thread may follow a reference that was published to it by a release
// store, and may read allocated_bytes().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "storage/memtable/chunk_pool.h"

namespace firn {

using ArenaRef = std::uint32_t;
inline constexpr ArenaRef kNoRef = 0;

class Arena {
 public:
  // Records of this size and more are given small pages: they come to the next page at each store,
  // and the system makes up a huge one at the first, which takes 100 microseconds to 10
  // milliseconds.
  static constexpr std::size_t kSmallPagedBytesMin = std::size_t{16} << 10;

  // Every allocation is aligned to `alignment` bytes: a power of two from 8 to 64.
  // Full chunks come from the pool and go back to it, if there is one; it outlives the arena.
  explicit Arena(std::size_t alignment, ChunkPool* pool = nullptr);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  struct Space {
    ArenaRef ref;
    char* bytes;  // Not initialised.
  };
  Space Allocate(std::size_t bytes) {
    bytes = (bytes + alignment_ - 1) & ~(alignment_ - 1);
    if (bytes > chunk_bytes_ - used_bytes_) [[unlikely]] {
      return AllocateFromNewChunk(bytes);
    }
    const std::size_t offset = used_bytes_;
    used_bytes_ += bytes;
    return {MakeRef(chunk_index_, offset), chunk_ + offset};
  }

  // Requires a reference that Allocate gave.
  template <typename T>
  T* At(ArenaRef ref) const {
    char* chunk = table_.load(std::memory_order_acquire)[ref >> kOffsetBits];
    return reinterpret_cast<T*>(chunk + (ref & kOffsetMask) * kUnitBytes);
  }

  // All chunks, full or not, and the table of chunks.
  std::size_t allocated_bytes() const { return allocated_bytes_.load(std::memory_order_relaxed); }
  // Of these, what the current chunk has left. By the allocating thread.
  std::size_t idle_bytes() const { return chunk_bytes_ - used_bytes_; }

 private:
  static constexpr std::size_t kUnitBytes = 8;
  static constexpr unsigned kOffsetBits = 18;
  static constexpr ArenaRef kOffsetMask = (ArenaRef{1} << kOffsetBits) - 1;
  static constexpr std::size_t kChunkBytesMax = kUnitBytes << kOffsetBits;
  static constexpr std::size_t kChunkBytesMin = 4096;
  static constexpr std::size_t kChunksMax = std::size_t{1} << (32 - kOffsetBits);

  struct Chunk {
    char* bytes;
    std::size_t size;
  };

  static ArenaRef MakeRef(std::size_t chunk_index, std::size_t offset) {
    return static_cast<ArenaRef>(chunk_index << kOffsetBits | offset / kUnitBytes);
  }

  Space AllocateFromNewChunk(std::size_t bytes);
  std::size_t AddChunk(char* chunk, std::size_t bytes);  // Returns its index.
  char* NewChunk(std::size_t bytes, std::size_t record_bytes);
  void GrowTable();

  const std::size_t alignment_;
  ChunkPool* const pool_;
  // Read by every thread. Entry i is written before the first reference into chunk i is published,
  // and a table that was outgrown stays, so that a reader may use whichever it has loaded.
  std::atomic<char**> table_{nullptr};

  // The allocating thread's own.
  char* chunk_ = nullptr;
  std::size_t chunk_index_ = 0;
  std::size_t chunk_bytes_ = 0;
  std::size_t used_bytes_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<std::unique_ptr<char*[]>> tables_;
  std::size_t table_size_ = 0;
  std::atomic<std::size_t> allocated_bytes_{0};
};

}  // namespace firn
