// SPDX-License-Identifier: Apache-2.0
//
// The inserting half. It reads nodes without doubt, being the only one to change them; what readers
// may see it changes inside a WriteWindow, with two exceptions. Appending to a leaf: a reader that
// meets the new head before the new count cuts its search off at the count; one that meets the
// count meets the rest as well (I-M6). And the bit of a tombstone, which is one word (I-M15).
#include "base/check.h"
#include "base/hash.h"
#include "base/key_head.h"
#include "firn/database.h"
#include "storage/memtable/race_point.h"
#include "storage/memtable/tree.h"

namespace firn {

MemtableTree::MemtableTree(ChunkPool* pool, std::size_t bytes_expected)
    : nodes_(64, pool), records_(8, pool), filter_(records_, bytes_expected) {
  first_leaf_ = NewNode(0, {kNoRef, kNoRef});
  last_leaf_.store(first_leaf_, std::memory_order_release);
  root_.store(first_leaf_, std::memory_order_release);
}

// Does not look into the leaf: that would be waiting for it.
InsertionPoint MemtableTree::Expect(std::string_view key) const {
  InsertionPoint point = {.hash = Hash64(key), .splits = splits_};
  filter_.PrefetchToAdd(point.hash);
  if (IsAboveAll(key)) {
    return point;
  }
  point.leaf = root_.load(std::memory_order_relaxed);
  for (unsigned level = NodeAt(point.leaf)->level; level > 0; --level) {
    const auto& inner = *static_cast<const InnerNode*>(NodeAt(point.leaf));
    point.leaf = inner.children[ChildSlot(inner, key)].load(std::memory_order_relaxed);
    PrefetchNode(NodeAt(point.leaf));
  }
  return point;
}

void MemtableTree::Insert(const Entry& entry, const InsertionPoint& expected) {
  FIRN_CHECK(entry.sequence > last_sequence_ && entry.sequence <= kSequenceMax, entry.sequence,
             last_sequence_);
  FIRN_CHECK(!entry.key.empty() && entry.key.size() <= kKeyBytesMax, entry.key.size());
  FIRN_CHECK(entry.value.size() <= kValueBytesMax, entry.value.size());
  last_sequence_ = entry.sequence;
  if (!TryAppend(entry)) {
    Path path;
    if (SearchForInsert(entry.key, expected, path)) {
      Node& leaf = MutableNode(path.nodes[path.depth]);
      const unsigned slot = path.slots[path.depth];
      const ArenaRef ref = leaf.keys[slot].load(std::memory_order_relaxed);
      PushVersion(records_, *records_.At<KeyRecord>(ref), entry);
      NoteKind(leaf, slot, entry);
    } else {
      InsertKey(entry, path);
    }
  }
  filter_.Add(expected.hash);
  Count(entry);
}

// Counted when it can be found: a reader of the count never knows of more than it can reach.
void MemtableTree::Count(const Entry& entry) {
  data_bytes_.store(data_bytes() + entry.key.size() + entry.value.size(),
                    std::memory_order_relaxed);
  entry_count_.store(entry_count() + 1, std::memory_order_release);
}

// A reader who meets the bit meets a sequence that is not below that of the tombstone; one who may
// see a later put meets no bit, since that was taken away before the put was published (I-M15).
void MemtableTree::NoteKind(Node& leaf, unsigned slot, const Entry& entry) {
  const std::uint64_t bits = leaf.tombstones.load(std::memory_order_relaxed);
  const std::uint64_t bit = std::uint64_t{1} << slot;
  if (entry.kind == Kind::kDelete) {
    leaf.tombstone_sequence.store(entry.sequence.value, std::memory_order_release);
    RacePoint();
    leaf.tombstones.store(bits | bit, std::memory_order_release);
  } else if ((bits & bit) != 0) {
    leaf.tombstones.store(bits & ~bit, std::memory_order_release);
  }
}

bool MemtableTree::IsAboveAll(std::string_view key) const {
  return largest_ != nullptr && key > largest_->key();
}

// A key above all others goes to the end of the last leaf, if there is room and its prefix fits.
bool MemtableTree::TryAppend(const Entry& entry) {
  if (!IsAboveAll(entry.key)) {
    return false;
  }
  Node& leaf = MutableNode(last_leaf_.load(std::memory_order_relaxed));
  const unsigned count = leaf.count.load(std::memory_order_relaxed);
  if (count == kSlots || !FitsPrefix(leaf, entry.key)) {
    return false;
  }
  const ArenaRef ref = NewKeyRecord(records_, entry);
  AppendToLeaf(leaf, ref);
  NoteKind(leaf, count, entry);
  largest_ = &Record(ref);
  return true;
}

unsigned MemtableTree::ChildSlot(const Node& inner, std::string_view key) const {
  const Slot slot = *Search(inner, inner.version.load(std::memory_order_relaxed), key);
  return slot.exact != nullptr ? slot.index : slot.index - 1;
}

// Returns whether `key` is there. The path leads to its place in either case, but has the leaf
// alone if that was expected.
bool MemtableTree::SearchForInsert(std::string_view key, const InsertionPoint& expected,
                                   Path& path) const {
  if (expected.leaf == kNoRef || expected.splits != splits_) {
    return DescendForInsert(key, path);
  }
  const Node& leaf = *NodeAt(expected.leaf);
  const Slot slot = *Search(leaf, leaf.version.load(std::memory_order_relaxed), key);
  path.depth = 0;
  path.nodes[0] = expected.leaf;
  path.slots[0] = slot.index;
  return slot.exact != nullptr;
}

// The same, with the whole path.
bool MemtableTree::DescendForInsert(std::string_view key, Path& path) const {
  ArenaRef ref = root_.load(std::memory_order_relaxed);
  for (path.depth = 0;; ++path.depth) {
    FIRN_CHECK(path.depth < kLevelsMax);
    const Node* const node = NodeAt(ref);
    path.nodes[path.depth] = ref;
    if (node->level == 0) {
      const Slot slot = *Search(*node, node->version.load(std::memory_order_relaxed), key);
      path.slots[path.depth] = slot.index;
      return slot.exact != nullptr;
    }
    const unsigned index = ChildSlot(*node, key);
    path.slots[path.depth] = index;
    ref = static_cast<const InnerNode*>(node)->children[index].load(std::memory_order_relaxed);
    PrefetchNode(NodeAt(ref));
  }
}

// Full nodes are split one at a time, from the highest that must be down to the leaf, with a new
// descent after each, and one before, since the path may be the leaf alone: rare, and simpler than
// keeping the path right.
void MemtableTree::InsertKey(const Entry& entry, Path& path) {
  while (NodeAt(path.nodes[path.depth])->count.load(std::memory_order_relaxed) == kSlots) {
    DescendForInsert(entry.key, path);
    MakeRoom(path);
    DescendForInsert(entry.key, path);
  }
  Node& leaf = MutableNode(path.nodes[path.depth]);
  FitPrefix(leaf, entry.key);
  const ArenaRef ref = NewKeyRecord(records_, entry);
  const unsigned slot = path.slots[path.depth];
  if (slot == leaf.count.load(std::memory_order_relaxed)) {
    AppendToLeaf(leaf, ref);
  } else {
    const WriteWindow window(leaf);
    InsertSlot(leaf, slot, ref, kNoRef);
  }
  NoteKind(leaf, slot, entry);
  if (largest_ == nullptr || largest_->key() < entry.key) {
    largest_ = &Record(ref);
  }
}

namespace {

template <typename T>
void ShiftUp(std::atomic<T>* slots, unsigned begin, unsigned end, T inserted) {
  for (unsigned i = end; i > begin; --i) {
    slots[i].store(slots[i - 1].load(std::memory_order_relaxed), std::memory_order_release);
  }
  slots[begin].store(inserted, std::memory_order_release);
}

}  // namespace

// Both require room, and that the key fits the node's prefix.
void MemtableTree::AppendToLeaf(Node& leaf, ArenaRef key) {
  const unsigned count = leaf.count.load(std::memory_order_relaxed);
  leaf.keys[count].store(key, std::memory_order_release);
  RacePoint();
  leaf.heads[count].store(HeadIn(leaf, key), std::memory_order_release);
  RacePoint();
  leaf.count.store(static_cast<std::uint16_t>(count + 1), std::memory_order_release);
}

// Inside the node's window.
void MemtableTree::InsertSlot(Node& node, unsigned slot, ArenaRef key, ArenaRef child) {
  const unsigned count = node.count.load(std::memory_order_relaxed);
  ShiftUp(node.heads, slot, count, HeadIn(node, key));
  RacePoint();
  ShiftUp(node.keys, slot, count, key);
  RacePoint();
  if (node.level > 0) {
    ShiftUp(static_cast<InnerNode&>(node).children, slot, count, child);
  } else {
    const std::uint64_t bits = node.tombstones.load(std::memory_order_relaxed);
    const std::uint64_t below = bits & BitsBelow(slot);
    node.tombstones.store(below | (bits ^ below) << 1, std::memory_order_release);
  }
  node.count.store(static_cast<std::uint16_t>(count + 1), std::memory_order_release);
}

std::uint64_t MemtableTree::HeadIn(const Node& node, ArenaRef key) const {
  return KeyHead(Record(key).key(), node.prefix_bytes.load(std::memory_order_relaxed));
}

bool MemtableTree::FitsPrefix(const Node& node, std::string_view key) const {
  const ArenaRef guard = node.guard.load(std::memory_order_relaxed);
  const std::size_t bytes = node.prefix_bytes.load(std::memory_order_relaxed);
  return guard == kNoRef || key.substr(0, bytes) == Record(guard).key().substr(0, bytes);
}

// Shortens the prefix of a guarded node to what it shares with `key`. The heads are computed before
// the window opens: records may have to come from memory.
void MemtableTree::FitPrefix(Node& node, std::string_view key) {
  if (FitsPrefix(node, key)) {
    return;
  }
  const ArenaRef guard = node.guard.load(std::memory_order_relaxed);
  const auto bytes = static_cast<std::uint32_t>(CommonPrefix(key, Record(guard).key()));
  const unsigned count = node.count.load(std::memory_order_relaxed);
  const Heads heads = ComputeHeads(node, 0, count, bytes);
  const bool is_implied = bytes <= FencePrefix({node.low, node.high});
  const WriteWindow window(node);
  node.prefix_bytes.store(bytes, std::memory_order_release);
  RacePoint();
  node.guard.store(is_implied ? kNoRef : guard, std::memory_order_release);
  for (unsigned i = 0; i < count; ++i) {
    node.heads[i].store(heads[i], std::memory_order_release);
  }
}

}  // namespace firn
