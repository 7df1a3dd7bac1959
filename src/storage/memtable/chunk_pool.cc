// SPDX-License-Identifier: Apache-2.0
//
// Chunks are aligned to 2 MiB and ask for a huge page: a point read touches a node and a record at
// random, and with small pages each also costs a walk of the page table. Those that a large record
// asked for have small pages, and keep them when a later memtable takes them from the pool.
#include "storage/memtable/chunk_pool.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "base/page.h"

namespace firn {

ChunkPool::~ChunkPool() { Release(); }

void ChunkPool::SetMemtableBytes(std::size_t bytes) {
  memtable_bytes_.store(bytes, std::memory_order_relaxed);
  if (held_bytes() > held_bytes_max()) {
    Release();
  }
}

void ChunkPool::CountTaken(std::size_t bytes) {
  taken_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  NoteDemand();
}

void ChunkPool::NoteDemand() {
  was_wanted_.store(true, std::memory_order_relaxed);
  is_wanted_.store(true, std::memory_order_relaxed);
}

void ChunkPool::EndFlush() {
  const bool was_wanted = was_wanted_.load(std::memory_order_relaxed);
  is_wanted_.store(was_wanted, std::memory_order_relaxed);
  if (!was_wanted) {
    Release();
  }
}

void ChunkPool::Release() {
  MutexLock lock(mutex_);
  for (char* chunk : chunks_) {
    Unmap(chunk);
  }
  chunks_.clear();
  held_bytes_.store(0, std::memory_order_relaxed);
}

char* ChunkPool::Take() {
  if (held_bytes() == 0) {
    return nullptr;
  }
  MutexLock lock(mutex_);
  if (chunks_.empty()) {
    return nullptr;
  }
  char* const chunk = chunks_.back();
  chunks_.pop_back();
  held_bytes_.store(chunks_.size() * kChunkBytes, std::memory_order_relaxed);
  CountTaken(kChunkBytes);
  ASAN_UNPOISON_MEMORY_REGION(chunk, kChunkBytes);
  return chunk;
}

std::size_t ChunkPool::surplus_bytes() const {
  const std::size_t memtable_bytes = memtable_bytes_.load(std::memory_order_relaxed);
  const std::size_t taken = taken_bytes_.load(std::memory_order_relaxed);
  const std::size_t wanted = memtable_bytes - std::min(taken, memtable_bytes);
  const std::size_t held = held_bytes();
  return held - std::min(held, wanted);
}

void ChunkPool::Prepare() {
  NoteDemand();
  if (held_bytes() > 0 || held_bytes_max() == 0) {
    return;
  }
  char* const chunk = Map(Pages::kHuge);
  // By stores, not by MADV_POPULATE_WRITE: that holds up every other thread that maps memory until
  // the kernel has made up a huge page.
  for (std::size_t at = 0; at < kChunkBytes; at += kPageBytes) {
    chunk[at] = 0;
  }
  Keep(chunk);
}

void ChunkPool::Keep(char* chunk) {
  {
    MutexLock lock(mutex_);
    const std::size_t held = (chunks_.size() + 1) * kChunkBytes;
    if (held <= held_bytes_max() && is_wanted_.load(std::memory_order_relaxed)) {
      ASAN_POISON_MEMORY_REGION(chunk, kChunkBytes);
      chunks_.push_back(chunk);
      held_bytes_.store(held, std::memory_order_relaxed);
      return;
    }
  }
  Unmap(chunk);
}

// Maps twice as much and gives back what lies outside the aligned half.
char* ChunkPool::Map(Pages pages) {
  void* const place =
      mmap(nullptr, 2 * kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FIRN_CHECK(place != MAP_FAILED, "out of memory", kChunkBytes);
  const std::size_t skipped = (0 - reinterpret_cast<std::uintptr_t>(place)) % kChunkBytes;
  char* const chunk = static_cast<char*>(place) + skipped;
  if (skipped > 0) {
    munmap(place, skipped);
  }
  munmap(chunk + kChunkBytes, kChunkBytes - skipped);
  // Advice only: where huge pages are off, the chunk works with small ones.
  madvise(chunk, kChunkBytes, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return chunk;
}

void ChunkPool::Unmap(char* chunk) {
  ASAN_UNPOISON_MEMORY_REGION(chunk, kChunkBytes);  // Whoever is given the addresses next.
  munmap(chunk, kChunkBytes);
}

}  // namespace firn
