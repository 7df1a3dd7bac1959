// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable/memtable.h"

#include <utility>

#include "storage/memtable/tree.h"

namespace firn {

Memtable::Memtable(std::shared_ptr<ChunkPool> pool) : pool_(std::move(pool)) {
  if (pool_ != nullptr) {
    pool_->BeginMemtable();
  }
  tree_ = std::make_unique<MemtableTree>(pool_.get());
}
Memtable::~Memtable() = default;

void Memtable::Insert(SequenceNumber sequence, Kind kind, std::string_view key,
                      std::string_view value) {
  tree_->Insert({.key = key, .sequence = sequence, .kind = kind, .value = value});
}

Found Memtable::Find(const Lookup& lookup) const { return tree_->Find(lookup); }
std::size_t Memtable::memory_bytes() const { return sizeof(MemtableTree) + tree_->memory_bytes(); }
std::size_t Memtable::data_bytes() const { return tree_->data_bytes(); }
std::size_t Memtable::entry_count() const { return tree_->entry_count(); }
void Memtable::CheckInvariants() const { tree_->CheckInvariants(); }

}  // namespace firn
