// SPDX-License-Identifier: Apache-2.0
//
// Insertion in two steps: at random most of it is waiting for the leaf, which is in no near cache.
// The first step finds the leaf and asks for its memory, the second one comes when other work has
// been done meanwhile. InsertionQueue is for whoever has many entries and no other work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/entry.h"
#include "storage/memtable/arena.h"
#include "storage/memtable/memtable.h"

namespace firn {

// Where a memtable will insert a key: what Expect found. A split after it makes the second step
// search again.
struct InsertionPoint {
  std::uint64_t hash = 0;    // Hash64 of the key.
  ArenaRef leaf = kNoRef;    // Covers the key. kNoRef: not known; not looked for above all keys.
  std::uint64_t splits = 0;  // Of the tree until then.
};

// Inserts into a memtable, some entries late. For one thread.
class InsertionQueue {
 public:
  // The memtable must outlive it, and nobody else insert while entries wait.
  explicit InsertionQueue(Memtable& memtable) : memtable_(memtable) {}

  // As Memtable::Insert, now or in a later call. Key and value must hold until Drain.
  void Add(const Entry& entry) {
    if (added_ - inserted_ == kDepth) {
      InsertOldest();
    }
    waiting_[added_ % kDepth] = {entry, memtable_.Expect(entry.key)};
    ++added_;
  }
  // When it returns, all that was added is inserted.
  void Drain() {
    while (inserted_ < added_) {
      InsertOldest();
    }
  }

 private:
  static constexpr std::size_t kDepth = 8;  // 104 lines: more than a processor awaits at once.
  struct Waiting {
    Entry entry;
    InsertionPoint point;
  };

  void InsertOldest() {
    const Waiting& oldest = waiting_[inserted_ % kDepth];
    memtable_.Insert(oldest.entry, oldest.point);
    ++inserted_;
  }

  Memtable& memtable_;
  std::array<Waiting, kDepth> waiting_;
  std::size_t added_ = 0;
  std::size_t inserted_ = 0;
};

}  // namespace firn
