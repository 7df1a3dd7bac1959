// SPDX-License-Identifier: Apache-2.0
//
// The invariants of the tree as a walk over all of it: order, fences, prefixes, heads, links,
// chains.
#include <algorithm>

#include "base/check.h"
#include "base/key_head.h"
#include "storage/memtable/tree.h"

namespace firn {

struct MemtableTree::SubtreeCheck {
  ArenaRef last_leaf = kNoRef;
  std::size_t entries = 0;
  std::size_t bytes = 0;         // As data_bytes() counts: the key with every version.
  std::size_t stored_bytes = 0;  // The key once.
};

void MemtableTree::CheckInvariants() const {
  SubtreeCheck check;
  const ArenaRef root = root_.load(std::memory_order_acquire);
  CheckNode(root, {kNoRef, kNoRef}, NodeAt(root)->level, check);
  FIRN_CHECK(check.last_leaf == last_leaf_.load(std::memory_order_acquire));
  FIRN_CHECK(NodeAt(check.last_leaf)->next.load(std::memory_order_acquire) == kNoRef);
  FIRN_CHECK(check.entries == entry_count(), check.entries, entry_count());
  FIRN_CHECK(check.bytes == data_bytes(), check.bytes, data_bytes());
  FIRN_CHECK(check.stored_bytes <= memory_bytes(), check.stored_bytes, memory_bytes());
}

void MemtableTree::CheckNode(ArenaRef ref, Range range, unsigned level, SubtreeCheck& check) const {
  const Node& node = *NodeAt(ref);
  FIRN_CHECK(node.level == level, node.level, level);
  FIRN_CHECK((node.version.load(std::memory_order_acquire) & 1) == 0);
  FIRN_CHECK(node.low == range.low && node.high == range.high);
  CheckSlots(node);
  const unsigned count = node.count.load(std::memory_order_acquire);
  if (level > 0) {
    const auto& inner = static_cast<const InnerNode&>(node);
    for (unsigned i = 0; i < count; ++i) {
      const ArenaRef low = i == 0 ? node.low : node.keys[i].load(std::memory_order_acquire);
      const ArenaRef high =
          i + 1 == count ? node.high : node.keys[i + 1].load(std::memory_order_acquire);
      CheckNode(inner.children[i].load(std::memory_order_acquire), {low, high}, level - 1, check);
    }
    return;
  }
  FIRN_CHECK(node.prev.load(std::memory_order_acquire) == check.last_leaf);
  FIRN_CHECK((check.last_leaf == kNoRef) == (ref == first_leaf_));
  if (check.last_leaf != kNoRef) {
    FIRN_CHECK(NodeAt(check.last_leaf)->next.load(std::memory_order_acquire) == ref);
  }
  check.last_leaf = ref;
  CheckTombstones(node);
  for (unsigned i = 0; i < count; ++i) {
    CheckVersions(Record(node.keys[i].load(std::memory_order_acquire)), check);
  }
}

// Slots in use are within bounds, the first of an inner node stands for its low fence, and those
// not in use end every search.
void MemtableTree::CheckSlots(const Node& node) const {
  const unsigned count = node.count.load(std::memory_order_acquire);
  const std::uint32_t prefix = node.prefix_bytes.load(std::memory_order_acquire);
  const ArenaRef guard = node.guard.load(std::memory_order_acquire);
  FIRN_CHECK(count <= kSlots && (count > 0 || node.low == kNoRef), count);
  FIRN_CHECK(guard != kNoRef || prefix <= FencePrefix({node.low, node.high}), prefix);
  if (node.level > 0) {
    FIRN_CHECK(node.heads[0].load(std::memory_order_acquire) == 0);
    FIRN_CHECK(node.keys[0].load(std::memory_order_acquire) == node.low);
  }
  CheckKeys(node);
  for (unsigned i = count; i < kSlots; ++i) {
    FIRN_CHECK(node.heads[i].load(std::memory_order_acquire) == kUnusedHead, i);
  }
}

// Keys ascend strictly between the fences, share the prefix, and have the heads they should have.
void MemtableTree::CheckKeys(const Node& node) const {
  const unsigned count = node.count.load(std::memory_order_acquire);
  const std::uint32_t prefix = node.prefix_bytes.load(std::memory_order_acquire);
  const ArenaRef guard = node.guard.load(std::memory_order_acquire);
  const unsigned first = node.level == 0 ? 0 : 1;
  std::string_view previous = node.low == kNoRef ? std::string_view() : Record(node.low).key();
  for (unsigned i = first; i < count; ++i) {
    const std::string_view key = Record(node.keys[i].load(std::memory_order_acquire)).key();
    const bool may_equal_low = node.level == 0 && i == 0;
    FIRN_CHECK(previous < key || (may_equal_low && previous == key), i);
    FIRN_CHECK(node.high == kNoRef || key < Record(node.high).key(), i);
    FIRN_CHECK(key.size() >= prefix, key.size(), prefix);
    FIRN_CHECK(guard == kNoRef || CommonPrefix(key, Record(guard).key()) >= prefix, prefix);
    FIRN_CHECK(node.heads[i].load(std::memory_order_acquire) == KeyHead(key, prefix), i);
    FIRN_CHECK(filter_.MayContain(Hash64(key)), i);
    previous = key;
  }
}

// A bit for each tombstone, and none beyond the count.
void MemtableTree::CheckTombstones(const Node& leaf) const {
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < leaf.count.load(std::memory_order_acquire); ++i) {
    const KeyState newest = *VisibleVersion(
        records_, Record(leaf.keys[i].load(std::memory_order_acquire)), {last_sequence_});
    if (newest.kind == Kind::kDelete) {
      bits |= std::uint64_t{1} << i;
      FIRN_CHECK(newest.sequence.value <= leaf.tombstone_sequence.load(std::memory_order_acquire));
    }
  }
  FIRN_CHECK(bits == leaf.tombstones.load(std::memory_order_acquire), bits);
}

// Sequences fall from the newest version to the oldest; jumps lead to older ones.
void MemtableTree::CheckVersions(const KeyRecord& record, SubtreeCheck& check) const {
  std::uint64_t newer_tag = ~std::uint64_t{0};
  ArenaRef ref = record.newest.load(std::memory_order_acquire);
  std::uint32_t depth = ref == kNoRef ? 0 : records_.At<const VersionRecord>(ref)->depth;
  check.entries += depth + std::size_t{1};
  check.stored_bytes += record.key().size() + record.first().value.size();
  check.bytes += (depth + std::size_t{1}) * record.key().size() + record.first().value.size();
  for (; ref != kNoRef; --depth) {
    const auto& version = *records_.At<const VersionRecord>(ref);
    FIRN_CHECK(version.tag < newer_tag && version.tag <= MakeTag(last_sequence_, Kind{0xFF}));
    FIRN_CHECK(version.depth == depth && depth > 0, version.depth, depth);
    if (version.jump != kNoRef) {
      FIRN_CHECK(records_.At<const VersionRecord>(version.jump)->depth < depth, depth);
    }
    check.bytes += version.value_bytes;
    check.stored_bytes += version.value_bytes;
    newer_tag = version.tag;
    ref = version.older;
  }
  FIRN_CHECK(depth == 0 && record.tag < newer_tag, depth);
}

}  // namespace firn
