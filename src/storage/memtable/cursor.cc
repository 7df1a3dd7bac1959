// SPDX-License-Identifier: Apache-2.0
//
// Cursor and Scan walk copies of leaves (leaf_view.h) and touch nothing that is being changed but
// the heads of version chains. Records lie in the order they were written, so walking them in the
// order of keys is a cache miss each: they are prefetched some slots ahead, and the next leaf as
// well.
#include "storage/memtable/memtable.h"
#include "storage/memtable/tree.h"

namespace firn {
namespace {

// Far enough ahead to hide memory, near enough that the lines are still there when wanted.
constexpr unsigned kSlotsAhead = 8;

static_assert(VisibleCursor<Memtable::Cursor>);

// Three lines: with small values the whole record, else at least its key.
void PrefetchRecord(const MemtableTree& tree, ArenaRef ref) {
  const char* const record = tree.records().At<const char>(ref);
  __builtin_prefetch(record);
  __builtin_prefetch(record + 64);
  __builtin_prefetch(record + 128);
}

void PrefetchFront(const MemtableTree& tree, const LeafView& leaf) {
  for (unsigned i = 0; i < kSlotsAhead && i < leaf.count; ++i) {
    PrefetchRecord(tree, leaf.keys[i]);
  }
}

void PrefetchBack(const MemtableTree& tree, const LeafView& leaf) {
  for (unsigned i = 0; i < kSlotsAhead && i < leaf.count; ++i) {
    PrefetchRecord(tree, leaf.keys[leaf.count - 1 - i]);
  }
}

void PrefetchAhead(const MemtableTree& tree, const LeafView& leaf, unsigned slot) {
  if (slot + kSlotsAhead < leaf.count) {
    PrefetchRecord(tree, leaf.keys[slot + kSlotsAhead]);
  } else if (slot + kSlotsAhead == leaf.count) {
    tree.PrefetchLeaf(leaf.next);
  }
}

void PrefetchBehind(const MemtableTree& tree, const LeafView& leaf, unsigned slot) {
  if (slot >= kSlotsAhead) {
    PrefetchRecord(tree, leaf.keys[slot - kSlotsAhead]);
  } else if (slot + 1 == kSlotsAhead) {
    tree.PrefetchLeaf(leaf.prev);
  }
}

}  // namespace

Memtable::Cursor::Cursor(const Memtable& memtable, SequenceNumber as_of)
    : tree_(memtable.tree_.get()), as_of_(as_of) {}

void Memtable::Cursor::SeekToFirst() {
  tree_->ReadFirstLeaf(leaf_);
  slot_ = 0;
  PrefetchFront(*tree_, leaf_);
  ShowFromHere();
}

void Memtable::Cursor::SeekToLast() {
  tree_->ReadLastLeaf(leaf_);
  slot_ = leaf_.count;
  PrefetchBack(*tree_, leaf_);
  ShowBeforeHere();
}

void Memtable::Cursor::Seek(std::string_view key) {
  slot_ = tree_->Locate(key, leaf_).index;
  ShowFromHere();
}

void Memtable::Cursor::SeekForPrev(std::string_view key) {
  const auto slot = tree_->Locate(key, leaf_);
  slot_ = slot.index + (slot.exact != nullptr ? 1 : 0);
  ShowBeforeHere();
}

void Memtable::Cursor::Next() {
  ++slot_;
  ShowFromHere();
}

void Memtable::Cursor::Prev() { ShowBeforeHere(); }

std::string_view Memtable::Cursor::KeyAt(unsigned slot) const {
  return tree_->Record(leaf_.keys[slot]).key();
}

void Memtable::Cursor::NextOverTombstones(const std::optional<std::string_view>& limit) {
  ++slot_;
  while (slot_ < leaf_.count || leaf_.next != kNoRef) {
    if (slot_ == leaf_.count) {
      tree_->ReadLeaf(leaf_.next, leaf_);
      slot_ = 0;
    }
    const unsigned run = leaf_.TombstonesFrom(slot_, as_of_);
    if (run == 0 || (limit && KeyAt(slot_ + run - 1) >= *limit)) {
      break;
    }
    slot_ += run;
  }
  ShowFromHere();
}

void Memtable::Cursor::PrevOverTombstones(const std::optional<std::string_view>& limit) {
  while (slot_ > 0 || leaf_.prev != kNoRef) {
    if (slot_ == 0) {
      tree_->ReadLeafBefore(leaf_);
      slot_ = leaf_.count;
    }
    const unsigned run = leaf_.TombstonesBefore(slot_, as_of_);
    if (run == 0 || (limit && KeyAt(slot_ - run) <= *limit)) {
      break;
    }
    slot_ -= run;
  }
  ShowBeforeHere();
}

// Shows the first visible key at or after the slot.
void Memtable::Cursor::ShowFromHere() {
  while (true) {
    for (; slot_ < leaf_.count; ++slot_) {
      PrefetchAhead(*tree_, leaf_, slot_);
      if (Show()) {
        return;
      }
    }
    if (leaf_.next == kNoRef) {
      record_ = nullptr;
      return;
    }
    tree_->ReadLeaf(leaf_.next, leaf_);
    slot_ = 0;
    PrefetchFront(*tree_, leaf_);
  }
}

// Shows the last visible key before the slot.
void Memtable::Cursor::ShowBeforeHere() {
  while (true) {
    while (slot_ > 0) {
      --slot_;
      PrefetchBehind(*tree_, leaf_, slot_);
      if (Show()) {
        return;
      }
    }
    if (leaf_.prev == kNoRef) {
      record_ = nullptr;
      return;
    }
    tree_->ReadLeafBefore(leaf_);
    slot_ = leaf_.count;
    PrefetchBack(*tree_, leaf_);
  }
}

// Whether the key at the slot has a version to show.
bool Memtable::Cursor::Show() {
  record_ = &tree_->Record(leaf_.keys[slot_]);
  const Found found = VisibleVersion(tree_->records(), *record_, as_of_);
  if (!found) {
    return false;
  }
  key_ = record_->key();
  state_ = *found;
  return true;
}

Memtable::Scan::Scan(const Memtable& memtable) : tree_(memtable.tree_.get()) {
  tree_->ReadFirstLeaf(leaf_);
  PrefetchFront(*tree_, leaf_);
  ShowKey();
}

// From the newest version of a key to the oldest, which is the key record's own, then the next key.
void Memtable::Scan::Next() {
  if (version_ != kNoRef) {
    version_ = tree_->records().At<const VersionRecord>(version_)->older;
    return;
  }
  ++slot_;
  ShowKey();
}

void Memtable::Scan::ShowKey() {
  while (slot_ == leaf_.count) {
    if (leaf_.next == kNoRef) {
      record_ = nullptr;
      return;
    }
    tree_->ReadLeaf(leaf_.next, leaf_);
    slot_ = 0;
    PrefetchFront(*tree_, leaf_);
  }
  PrefetchAhead(*tree_, leaf_, slot_);
  record_ = &tree_->Record(leaf_.keys[slot_]);
  version_ = record_->newest.load(std::memory_order_acquire);
}

Entry Memtable::Scan::entry() const {
  const KeyState state = version_ == kNoRef
                             ? record_->first()
                             : tree_->records().At<const VersionRecord>(version_)->state();
  return {record_->key(), state.sequence, state.kind, state.value};
}

}  // namespace firn
