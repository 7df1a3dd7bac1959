// SPDX-License-Identifier: Apache-2.0
//
// Chunks below 32 KiB come from the heap. Larger ones are mapped, so that they go back to the
// system when the memtable ends, whatever the heap's fragmentation; full-sized ones may wait in a
// pool. Each is charged as a whole, as it is allocated.
#include "storage/memtable/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"
#include "base/page.h"

namespace firn {
namespace {

constexpr std::size_t kMappedBytesMin = std::size_t{32} << 10;
constexpr std::align_val_t kHeapAlignment{64};

char* Map(std::size_t bytes) {
  void* place = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FIRN_CHECK(place != MAP_FAILED, "out of memory", bytes);
  return static_cast<char*>(place);
}

}  // namespace

Arena::Arena(std::size_t alignment, ChunkPool* pool) : alignment_(alignment), pool_(pool) {
  static_assert(kChunkBytesMax == ChunkPool::kChunkBytes);
  FIRN_CHECK(std::has_single_bit(alignment) && alignment >= kUnitBytes && alignment <= 64,
             alignment);
}

Arena::~Arena() {
  for (const auto& [chunk, bytes] : chunks_) {
    if (bytes < kMappedBytesMin) {
      ::operator delete(chunk, bytes, kHeapAlignment);
    } else if (bytes != kChunkBytesMax) {
      munmap(chunk, bytes);
    } else if (pool_ != nullptr) {
      pool_->Keep(chunk);
    } else {
      ChunkPool::Unmap(chunk);
    }
  }
}

char* Arena::NewChunk(std::size_t bytes, std::size_t record_bytes) {
  if (pool_ != nullptr) {
    pool_->CountTaken(bytes);
  }
  if (bytes < kMappedBytesMin) {
    return static_cast<char*>(::operator new(bytes, kHeapAlignment));
  }
  if (bytes != kChunkBytesMax) {
    return Map(bytes);
  }
  return ChunkPool::Map(record_bytes < kSmallPagedBytesMin ? ChunkPool::Pages::kHuge
                                                           : ChunkPool::Pages::kSmall);
}

Arena::Space Arena::AllocateFromNewChunk(std::size_t bytes) {
  const std::size_t eighth = allocated_bytes() / 8;
  std::size_t chunk_bytes = std::clamp(std::bit_floor(eighth), kChunkBytesMin, kChunkBytesMax);
  char* chunk = nullptr;
  if (pool_ != nullptr && bytes <= kChunkBytesMax / 4) {
    chunk = pool_->Take();
  }
  if (chunk != nullptr) {
    chunk_bytes = kChunkBytesMax;
  } else if (bytes > chunk_bytes / 4) {
    // The current chunk stays in use. Its owner alone knows the end of this one, which may lie
    // beyond what offsets reach: only its start is ever named.
    const std::size_t own_bytes =
        bytes < kMappedBytesMin ? bytes : (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
    const std::size_t index = AddChunk(NewChunk(own_bytes, bytes), own_bytes);
    return {MakeRef(index, 0), chunks_.back().bytes};
  } else {
    chunk = NewChunk(chunk_bytes, bytes);
  }
  chunk_index_ = AddChunk(chunk, chunk_bytes);
  chunk_ = chunk;
  chunk_bytes_ = chunk_bytes;
  used_bytes_ = bytes;
  return {MakeRef(chunk_index_, 0), chunk_};
}

std::size_t Arena::AddChunk(char* chunk, std::size_t bytes) {
  const std::size_t index = chunks_.size() + 1;  // Index 0 is left out: it would make kNoRef valid.
  FIRN_CHECK(index < kChunksMax, index);
  if (index >= table_size_) {
    GrowTable();
  }
  chunks_.push_back({chunk, bytes});
  tables_.back()[index] = chunk;
  allocated_bytes_.store(allocated_bytes() + bytes, std::memory_order_relaxed);
  return index;
}

void Arena::GrowTable() {
  const std::size_t size = std::max<std::size_t>(16, table_size_ * 2);
  auto table = std::make_unique<char*[]>(size);
  if (table_size_ > 0) {
    std::copy_n(tables_.back().get(), table_size_, table.get());
  }
  allocated_bytes_.store(allocated_bytes() + size * sizeof(char*), std::memory_order_relaxed);
  if (pool_ != nullptr) {
    pool_->CountTaken(size * sizeof(char*));
  }
  table_size_ = size;
  table_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
}

}  // namespace firn
