// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable/memtable.h"

#include <algorithm>
#include <utility>

#include "storage/memtable/insertion.h"
#include "storage/memtable/tree.h"

namespace firn {

Memtable::Memtable(std::shared_ptr<ChunkPool> pool, std::size_t bytes_expected)
    : pool_(std::move(pool)) {
  if (pool_ != nullptr) {
    pool_->BeginMemtable();
  }
  tree_ = std::make_unique<MemtableTree>(pool_.get(), bytes_expected);
}
Memtable::~Memtable() = default;

void Memtable::Insert(SequenceNumber sequence, Kind kind, std::string_view key,
                      std::string_view value) {
  Insert({.key = key, .sequence = sequence, .kind = kind, .value = value}, Expect(key));
}

InsertionPoint Memtable::Expect(std::string_view key) const { return tree_->Expect(key); }
void Memtable::Insert(const Entry& entry, const InsertionPoint& expected) {
  tree_->Insert(entry, expected);
}
Found Memtable::Find(const Lookup& lookup) const { return tree_->Find(lookup); }
void Memtable::Prefetch(const Lookup& lookup) const { tree_->Prefetch(lookup); }
std::size_t Memtable::memory_bytes() const { return sizeof(MemtableTree) + tree_->memory_bytes(); }
bool Memtable::Fills(std::size_t limit_bytes) const {
  constexpr std::size_t kShareBeyond = 16;
  return memory_bytes() - std::min(tree_->idle_bytes(), limit_bytes / kShareBeyond) >= limit_bytes;
}
std::size_t Memtable::filter_bytes() const { return tree_->filter_bytes(); }
std::size_t Memtable::data_bytes() const { return tree_->data_bytes(); }
std::size_t Memtable::entry_count() const { return tree_->entry_count(); }
bool Memtable::has_large_records() const {
  return data_bytes() > entry_count() * Arena::kSmallPagedBytesMin;
}
void Memtable::CheckInvariants() const { tree_->CheckInvariants(); }

}  // namespace firn
