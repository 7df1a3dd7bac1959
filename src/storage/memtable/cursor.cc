// SPDX-License-Identifier: Apache-2.0
//
// Cursor and Scan walk copies of leaves (leaf_view.h) and touch nothing that is being changed but
// the heads of version chains. Records lie in the order they were written, so walking them in the
// order of keys is a cache miss each: they are prefetched some slots ahead, and the next leaf as
// well.
#include <algorithm>

#include "storage/memtable/memtable.h"
#include "storage/memtable/tree.h"

namespace firn {
namespace {

// Far enough ahead to hide memory, near enough that the lines are still there when wanted.
constexpr unsigned kSlotsAhead = 8;
// Whoever has sought may go no further, and who goes on may not go far.
constexpr unsigned kAskedEachStep = 3;
constexpr std::size_t kRecordBytesAhead = 128;
constexpr std::size_t kValueBytesAhead = 640;

static_assert(VisibleCursor<Memtable::Cursor>);

// Three lines: with small values the whole record, else at least its key.
void PrefetchRecord(const MemtableTree& tree, ArenaRef ref) {
  const char* const record = tree.records().At<const char>(ref);
  __builtin_prefetch(record);
  __builtin_prefetch(record + 64);
  __builtin_prefetch(record + 128);
}

// The lines of a value that PrefetchRecord leaves out; whoever reads them all has them asked for by
// the processor from there on.
void PrefetchValue(std::string_view value) {
  for (std::size_t at = kRecordBytesAhead; at < std::min(value.size(), kValueBytesAhead);
       at += 64) {
    __builtin_prefetch(value.data() + at);
  }
}

}  // namespace

Memtable::Cursor::Cursor(const Memtable& memtable, SequenceNumber as_of)
    : tree_(memtable.tree_.get()), as_of_(as_of) {}

void Memtable::Cursor::SeekToFirst() {
  tree_->ReadFirstLeaf(leaf_);
  EnterFront();
  ShowFromHere();
}

void Memtable::Cursor::SeekToLast() {
  tree_->ReadLastLeaf(leaf_);
  EnterBack();
  ShowBeforeHere();
}

void Memtable::Cursor::Aim(std::string_view key) {
  slot_ = tree_->Locate(key, leaf_).index;
  asked_ = slot_;
  has_aimed_ = true;
  AskAhead(1);
}

void Memtable::Cursor::Seek(std::string_view key) {
  if (!has_aimed_) {
    Aim(key);
  }
  has_aimed_ = false;
  ShowFromHere();
}

void Memtable::Cursor::SeekForPrev(std::string_view key) {
  const auto slot = tree_->Locate(key, leaf_);
  slot_ = slot.index + (slot.exact != nullptr ? 1 : 0);
  asked_ = slot_;
  ShowBeforeHere();
}

void Memtable::Cursor::Next() {
  ++slot_;
  AskAhead(kAskedEachStep);
  ShowFromHere();
  if (record_ != nullptr) {
    PrefetchValue(state_.value);
  }
}

void Memtable::Cursor::Prev() {
  AskBehind(kAskedEachStep);
  ShowBeforeHere();
  if (record_ != nullptr) {
    PrefetchValue(state_.value);
  }
}

void Memtable::Cursor::EnterFront() {
  slot_ = 0;
  asked_ = 0;
  AskAhead(kSlotsAhead);
}

void Memtable::Cursor::EnterBack() {
  slot_ = leaf_.count;
  asked_ = slot_;
  AskBehind(kSlotsAhead);
}

// Each asks for up to `more` records that were not asked for yet, from the slot on or before it.
void Memtable::Cursor::AskAhead(unsigned more) {
  asked_ = std::max(asked_, slot_);
  const unsigned end = std::min({leaf_.count, slot_ + kSlotsAhead, asked_ + more});
  for (; asked_ < end; ++asked_) {
    PrefetchRecord(*tree_, leaf_.keys[asked_]);
  }
  if (slot_ + kSlotsAhead == leaf_.count) {
    tree_->PrefetchLeaf(leaf_.next);
  }
}

void Memtable::Cursor::AskBehind(unsigned more) {
  asked_ = std::min(asked_, slot_);
  const unsigned begin = slot_ - std::min(slot_, kSlotsAhead);
  for (; more > 0 && asked_ > begin; --more) {
    PrefetchRecord(*tree_, leaf_.keys[--asked_]);
  }
  if (slot_ == kSlotsAhead) {
    tree_->PrefetchLeaf(leaf_.prev);
  }
}

std::string_view Memtable::Cursor::KeyAt(unsigned slot) const {
  return tree_->Record(leaf_.keys[slot]).key();
}

void Memtable::Cursor::NextOverTombstones(const std::optional<std::string_view>& limit) {
  ++slot_;
  while (slot_ < leaf_.count || leaf_.next != kNoRef) {
    if (slot_ == leaf_.count) {
      tree_->ReadLeaf(leaf_.next, leaf_);
      slot_ = asked_ = 0;
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
      slot_ = asked_ = leaf_.count;
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
    for (; slot_ < leaf_.count; ++slot_, AskAhead(kAskedEachStep)) {
      if (Show()) {
        return;
      }
    }
    if (leaf_.next == kNoRef) {
      record_ = nullptr;
      return;
    }
    tree_->ReadLeaf(leaf_.next, leaf_);
    EnterFront();
  }
}

// Shows the last visible key before the slot.
void Memtable::Cursor::ShowBeforeHere() {
  while (true) {
    while (slot_ > 0) {
      --slot_;
      if (Show()) {
        return;
      }
      AskBehind(kAskedEachStep);
    }
    if (leaf_.prev == kNoRef) {
      record_ = nullptr;
      return;
    }
    tree_->ReadLeafBefore(leaf_);
    EnterBack();
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

namespace {

void PrefetchFront(const MemtableTree& tree, const LeafView& leaf) {
  for (unsigned i = 0; i < kSlotsAhead && i < leaf.count; ++i) {
    PrefetchRecord(tree, leaf.keys[i]);
  }
}

void PrefetchAhead(const MemtableTree& tree, const LeafView& leaf, unsigned slot) {
  if (slot + kSlotsAhead < leaf.count) {
    PrefetchRecord(tree, leaf.keys[slot + kSlotsAhead]);
  } else if (slot + kSlotsAhead == leaf.count) {
    tree.PrefetchLeaf(leaf.next);
  }
}

}  // namespace

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
