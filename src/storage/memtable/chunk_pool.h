// SPDX-License-Identifier: Apache-2.0
//
// Keeps the chunks of memtables that ended for the one that fills now and the next. Memory that
// comes from the system is zeroed first, and on a virtual machine often fetched from the host: for
// a chunk of 2 MiB 100 to 800 microseconds that a writer would wait for, every few thousand writes.
//
// Of the memory budget it takes at most a memtable that is to come: chunks are taken from here
// before any are made, so memtables and pool together never hold more than the memtables would at
// their most, and the one chunk that was prepared. Thread-safe; a memtable and its pool may outlive
// the engine.
//
// Small memtables take nothing from here. Each has two arenas, for nodes and for records, and a
// whole chunk for either would be most of its memory: it would count as full with few entries.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/mutex.h"

namespace firn {

class ChunkPool {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{2} << 20;
  // Smaller memtables are not served.
  static constexpr std::size_t kMemtableBytesMin = 8 * kChunkBytes;

  // `memtable_bytes` is how large memtables become.
  explicit ChunkPool(std::size_t memtable_bytes) : memtable_bytes_(memtable_bytes) {}
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  void SetMemtableBytes(std::size_t bytes);
  // A memtable begins to fill; the one before is full.
  void BeginMemtable() { taken_bytes_.store(0, std::memory_order_relaxed); }

  // A flush begins, or has ended. One during which no memory was wanted finds nobody writing, so it
  // gives back what is kept, and what its memtable leaves: while there is work going on anyway.
  void BeginFlush() { was_wanted_.store(false, std::memory_order_relaxed); }
  void EndFlush();

  // A chunk that was kept, aligned to its size, its bytes anything; null when there is none.
  char* Take();
  // The memtable that fills took so much that did not come from here.
  void CountTaken(std::size_t bytes);
  // Has a chunk for the memtable that fills or the next, so that their writer need not wait for the
  // system. Blocks.
  void Prepare();
  // Keeps a chunk that Map made, or gives it back to the system.
  void Keep(char* chunk);
  // Gives all of them back.
  void Release();

  std::size_t held_bytes() const { return held_bytes_.load(std::memory_order_relaxed); }
  // Of that, what the memtable that fills will not take.
  std::size_t surplus_bytes() const;

  enum class Pages : std::uint8_t { kHuge, kSmall };
  // A fresh one, its memory not there yet: the first store to a page waits for the page. Aborts
  // when the system has none left.
  static char* Map(Pages pages);
  static void Unmap(char* chunk);

 private:
  void NoteDemand();
  // What may be kept, none for memtables that are too small.
  std::size_t held_bytes_max() const {
    const std::size_t bytes = memtable_bytes_.load(std::memory_order_relaxed);
    return bytes < kMemtableBytesMin ? 0 : bytes;
  }

  Mutex mutex_;
  std::vector<char*> chunks_ FIRN_GUARDED_BY(mutex_);
  std::atomic<std::size_t> memtable_bytes_;
  std::atomic<std::size_t> taken_bytes_{0};  // By the memtable that fills.
  std::atomic<std::size_t> held_bytes_{0};
  std::atomic<bool> was_wanted_{true};  // Since the flush began that runs or ran last.
  std::atomic<bool> is_wanted_{true};   // Until a flush ends during which it was not.
};

}  // namespace firn
