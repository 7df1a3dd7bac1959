// SPDX-License-Identifier: Apache-2.0
//
// The reading half: searching one node, descending, copying leaves. Every reference that was loaded
// from a node is followed only after the node's version was found unchanged (I-M4).
#include "storage/memtable/tree.h"

#include <algorithm>

#include "base/check.h"
#include "base/key_head.h"
#include "storage/memtable/race_point.h"

namespace firn {

std::optional<MemtableTree::Slot> MemtableTree::Search(const Node& node, std::uint32_t version,
                                                       std::string_view key) const {
  const unsigned first = node.level == 0 ? 0 : 1;  // Slot 0 of an inner node is below every key.
  const std::size_t prefix_bytes = node.prefix_bytes.load(std::memory_order_acquire);
  const ArenaRef guard = node.guard.load(std::memory_order_acquire);
  RacePoint();
  const unsigned count = node.count.load(std::memory_order_acquire);
  if (guard != kNoRef) {
    if (!IsUnchanged(node, version)) {
      return std::nullopt;
    }
    const int order =
        key.substr(0, prefix_bytes).compare(Record(guard).key().substr(0, prefix_bytes));
    if (order != 0) {
      return Slot{order < 0 ? first : count, nullptr};
    }
  }
  // A key shorter than the prefix cannot be in the range of an unchanged node.
  const std::uint64_t head = KeyHead(key, std::min(prefix_bytes, key.size()));
  const unsigned slot = std::max(CountBelow(node, head), first);
  if (slot >= count) {  // An append may have stored a head that `count` did not have yet.
    return Slot{count, nullptr};
  }
  if (node.heads[slot].load(std::memory_order_acquire) != head) {
    return Slot{slot, nullptr};
  }
  return SearchTies(node, version, key, slot);
}

std::optional<MemtableTree::Slot> MemtableTree::SearchTies(const Node& node, std::uint32_t version,
                                                           std::string_view key,
                                                           unsigned first) const {
  const unsigned count = node.count.load(std::memory_order_acquire);
  const std::uint64_t head = node.heads[first].load(std::memory_order_acquire);
  unsigned begin = first;
  unsigned end = first + 1;
  while (end < count && node.heads[end].load(std::memory_order_acquire) == head) {
    ++end;
  }
  while (begin < end) {
    const unsigned middle = (begin + end) / 2;
    const ArenaRef ref = node.keys[middle].load(std::memory_order_acquire);
    if (!IsUnchanged(node, version)) {
      return std::nullopt;
    }
    const KeyRecord& record = Record(ref);
    const int order = record.key().compare(key);
    if (order == 0) {
      return Slot{middle, &record};
    }
    if (order < 0) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return Slot{begin, nullptr};
}

std::optional<MemtableTree::Visit> MemtableTree::TryDescend(std::string_view key) const {
  const ArenaRef root = root_.load(std::memory_order_acquire);
  RacePoint();
  Visit visit{root, NodeAt(root), StableVersion(*NodeAt(root))};
  if (root_.load(std::memory_order_relaxed) != root) {
    return std::nullopt;  // It was split before its version was taken.
  }
  while (visit.node->level > 0) {
    const auto* inner = static_cast<const InnerNode*>(visit.node);
    const auto slot = Search(*inner, visit.version, key);
    if (!slot) {
      return std::nullopt;
    }
    const unsigned index = slot->exact != nullptr ? slot->index : slot->index - 1;
    const ArenaRef child = inner->children[index].load(std::memory_order_acquire);
    if (!IsUnchanged(*inner, visit.version)) {
      return std::nullopt;
    }
    const Node* const node = NodeAt(child);
    PrefetchNode(node);
    RacePoint();
    const Visit next{child, node, StableVersion(*node)};
    if (!IsUnchanged(*inner, visit.version)) {  // Until here the child may not have had the key.
      return std::nullopt;
    }
    visit = next;
  }
  return visit;
}

Found MemtableTree::Find(const Lookup& lookup) const {
  if (!filter_.MayContain(lookup.hash)) {
    return std::nullopt;
  }
  while (true) {
    const auto leaf = TryDescend(lookup.key);
    if (!leaf) {
      continue;
    }
    const auto slot = Search(*leaf->node, leaf->version, lookup.key);
    if (!slot || !IsUnchanged(*leaf->node, leaf->version)) {
      continue;
    }
    if (slot->exact == nullptr) {
      return std::nullopt;
    }
    return VisibleVersion(records_, *slot->exact, lookup.sequence);
  }
}

bool MemtableTree::TryView(const Visit& leaf, LeafView& view) {
  const Node& node = *leaf.node;
  view.self = leaf.ref;
  view.next = node.next.load(std::memory_order_acquire);
  view.prev = node.prev.load(std::memory_order_acquire);
  view.tombstones = node.tombstones.load(std::memory_order_acquire);
  RacePoint();
  view.tombstone_sequence = node.tombstone_sequence.load(std::memory_order_acquire);
  view.count = node.count.load(std::memory_order_acquire);
  for (unsigned i = 0; i < view.count; ++i) {
    view.keys[i] = node.keys[i].load(std::memory_order_acquire);
  }
  return IsUnchanged(node, leaf.version);
}

void MemtableTree::ReadLeaf(ArenaRef leaf, LeafView& view) const {
  const Node* const node = NodeAt(leaf);
  while (!TryView({leaf, node, StableVersion(*node)}, view)) {
  }
}

void MemtableTree::ReadLastLeaf(LeafView& view) const {
  ReadLeaf(last_leaf_.load(std::memory_order_acquire), view);
  while (view.next != kNoRef) {  // A split has linked a leaf and not yet made it the last.
    ReadLeaf(view.next, view);
  }
}

// `prev` may be behind: a leaf that was split since then has its new right half to its right.
void MemtableTree::ReadLeafBefore(LeafView& view) const {
  const ArenaRef successor = view.self;
  RacePoint();
  ReadLeaf(view.prev, view);
  while (view.next != successor) {
    FIRN_CHECK(view.next != kNoRef);
    ReadLeaf(view.next, view);
  }
}

// The header and the references; the heads are of no use to a cursor.
void MemtableTree::PrefetchLeaf(ArenaRef leaf) const {
  if (leaf != kNoRef) {
    const Node* const node = NodeAt(leaf);
    __builtin_prefetch(node);
    for (unsigned i = 0; i < kSlots; i += 64 / sizeof(ArenaRef)) {
      __builtin_prefetch(&node->keys[i]);
    }
  }
}

MemtableTree::Slot MemtableTree::Locate(std::string_view key, LeafView& view) const {
  while (true) {
    // The copy first: an append, which leaves the version as it is, may come between the two.
    const auto leaf = TryDescend(key);
    if (!leaf || !TryView(*leaf, view)) {
      continue;
    }
    const auto slot = Search(*leaf->node, leaf->version, key);
    if (!slot || !IsUnchanged(*leaf->node, leaf->version)) {
      continue;
    }
    return slot->index < view.count ? *slot : Slot{view.count, nullptr};
  }
}

}  // namespace firn
