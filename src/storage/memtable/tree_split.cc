// SPDX-License-Identifier: Apache-2.0
//
// Splitting a full node. The right half is a new node, filled while nobody knows it. Then two
// windows nest: the parent's, and in it the left half's. So whoever takes the version of the
// shrunken left node finds the parent changed (I-M5), and no search has to look at fences. Last,
// the leaf to the right of both learns of its new neighbour, when it can be reached from the left
// already (I-M8).
//
// Prefixes. All keys between two fences share what the fences share; a node may leave these bytes
// out of its heads and no search need compare them. Nodes at the edges of the tree have a fence
// missing, the root both, so they use what their keys happen to share and name a guard to compare
// with. So do inner nodes, whose guards are in the cache anyway. A prefix grows only here, and only
// when it gains some bytes of head, since then every record of the node has to be read.
#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"
#include "base/key_head.h"
#include "storage/memtable/race_point.h"
#include "storage/memtable/tree.h"

namespace firn {

namespace {

// How many bytes two neighbours share after the node's prefix, as far as their heads tell.
int SharedHeadBytes(const Node& node, unsigned slot) {
  const std::uint64_t below = node.heads[slot - 1].load(std::memory_order_relaxed);
  const std::uint64_t above = node.heads[slot].load(std::memory_order_relaxed);
  return std::countl_zero(below ^ above) / 8;
}

// How many slots of a full node stay on the left. Ascending and descending runs leave full nodes
// behind. Else the cut is where neighbours share least, and of such places nearest to the middle:
// then no half's heads have to tell apart what lies on both sides of it, say the pages of two
// sites.
unsigned ChooseCut(const Node& node, unsigned insert_slot) {
  constexpr unsigned kMiddle = kSlots / 2;
  if (insert_slot == kSlots) {
    return kSlots - 1;
  }
  if (insert_slot == 0) {  // Only in a leaf.
    return 1;
  }
  unsigned cut = kMiddle;
  for (unsigned distance = 1; distance <= kSlots / 4; ++distance) {
    for (const unsigned slot : {kMiddle - distance, kMiddle + distance}) {
      if (SharedHeadBytes(node, slot) < SharedHeadBytes(node, cut)) {
        cut = slot;
      }
    }
  }
  return cut;
}

}  // namespace

ArenaRef MemtableTree::NewNode(unsigned level, Range range) {
  const auto [ref, bytes] = nodes_.Allocate(level == 0 ? sizeof(Node) : sizeof(InnerNode));
  Node* const node = level == 0 ? new (bytes) Node : new (bytes) InnerNode;
  node->level = static_cast<std::uint16_t>(level);
  node->low = range.low;
  node->high = range.high;
  for (auto& head : node->heads) {
    head.store(kUnusedHead, std::memory_order_relaxed);
  }
  return ref;
}

MemtableTree::Heads MemtableTree::ComputeHeads(const Node& node, unsigned begin, unsigned end,
                                               std::uint32_t skip) const {
  Heads heads;
  const bool has_lowest = node.level > 0 && begin == 0 && end > 0;
  if (has_lowest) {
    heads[begin++] = 0;
  }
  for (unsigned i = begin; i < end; ++i) {
    heads[i] = KeyHead(Record(node.keys[i].load(std::memory_order_relaxed)).key(), skip);
  }
  return heads;
}

std::uint32_t MemtableTree::FencePrefix(Range range) const {
  if (range.low == kNoRef || range.high == kNoRef) {
    return 0;
  }
  return static_cast<std::uint32_t>(
      CommonPrefix(Record(range.low).key(), Record(range.high).key()));
}

// What the keys of a node from one slot to another, both included, share.
std::uint32_t MemtableTree::SharedPrefix(const Node& node, unsigned first, unsigned last) const {
  return FencePrefix({node.keys[first].load(std::memory_order_relaxed),
                      node.keys[last].load(std::memory_order_relaxed)});
}

// The prefix of the half [begin, end) of a full node in its new range. A half of few keys is about
// to get more: it is given what the keys of the whole node share.
MemtableTree::Prefix MemtableTree::ChoosePrefix(const Node& node, unsigned begin, unsigned end,
                                                Range range) const {
  const std::uint32_t current = node.prefix_bytes.load(std::memory_order_relaxed);
  const std::uint32_t implied = FencePrefix(range);
  const bool is_edge = range.low == kNoRef || range.high == kNoRef;
  std::uint32_t possible = implied;
  if (is_edge || node.level > 0) {
    const unsigned lowest = node.level == 0 ? 0 : 1;
    const bool is_small = end - begin < kSlots / 4;
    possible = is_small ? SharedPrefix(node, lowest, kSlots - 1)
                        : SharedPrefix(node, std::max(begin, lowest), end - 1);
  }
  const std::uint32_t bytes = possible >= current + kPrefixGainMin ? possible : current;
  return {bytes, bytes > implied ? node.keys[end - 1].load(std::memory_order_relaxed) : kNoRef};
}

// Splits the lowest node of the path's full end whose parent has room.
void MemtableTree::MakeRoom(const Path& path) {
  unsigned depth = path.depth;
  while (depth > 0 &&
         NodeAt(path.nodes[depth - 1])->count.load(std::memory_order_relaxed) == kSlots) {
    --depth;
  }
  Split(path, depth);
}

void MemtableTree::Split(const Path& path, unsigned depth) {
  ++splits_;
  const ArenaRef left_ref = path.nodes[depth];
  Node& left = MutableNode(left_ref);
  const bool is_leaf = left.level == 0;
  const unsigned cut = ChooseCut(left, path.slots[depth] + (is_leaf ? 0 : 1));
  const ArenaRef separator = left.keys[cut].load(std::memory_order_relaxed);
  const ArenaRef old_next = left.next.load(std::memory_order_relaxed);

  const ArenaRef right_ref = NewNode(left.level, {separator, left.high});
  Node& right = MutableNode(right_ref);
  right.prev.store(is_leaf ? left_ref : kNoRef, std::memory_order_relaxed);
  FillRight(left, cut, right, ChoosePrefix(left, cut, kSlots, {separator, left.high}));

  RacePoint();
  const Prefix left_prefix = ChoosePrefix(left, 0, cut, {left.low, separator});
  const bool heads_stay = left_prefix.bytes == left.prefix_bytes.load(std::memory_order_relaxed);
  const LeftRemainder remainder = {
      .prefix = left_prefix,
      .heads = heads_stay ? Heads{} : ComputeHeads(left, 0, cut, left_prefix.bytes)};
  if (depth == 0) {
    const ArenaRef root = NewRoot(left, left_ref, separator, right_ref);
    const WriteWindow window(left);
    root_.store(root, std::memory_order_release);
    RacePoint();
    ShrinkLeft(left, cut, right_ref, remainder);
  } else {
    Node& parent = MutableNode(path.nodes[depth - 1]);
    FitPrefix(parent, Record(separator).key());
    const WriteWindow parent_window(parent);
    {
      const WriteWindow window(left);
      ShrinkLeft(left, cut, right_ref, remainder);
    }
    RacePoint();
    InsertSlot(parent, path.slots[depth - 1] + 1, separator, right_ref);
  }
  RacePoint();
  if (is_leaf && old_next != kNoRef) {
    MutableNode(old_next).prev.store(right_ref, std::memory_order_release);
  } else if (is_leaf) {
    last_leaf_.store(right_ref, std::memory_order_release);
  }
}

void MemtableTree::FillRight(const Node& left, unsigned cut, Node& right, Prefix prefix) const {
  constexpr auto kRelaxed = std::memory_order_relaxed;  // Published later, as a whole.
  right.prefix_bytes.store(prefix.bytes, kRelaxed);
  right.guard.store(prefix.guard, kRelaxed);
  right.next.store(left.next.load(kRelaxed), kRelaxed);
  right.count.store(static_cast<std::uint16_t>(kSlots - cut), kRelaxed);
  right.tombstones.store(left.tombstones.load(kRelaxed) >> cut, kRelaxed);
  right.tombstone_sequence.store(left.tombstone_sequence.load(kRelaxed), kRelaxed);
  const bool heads_stay = prefix.bytes == left.prefix_bytes.load(kRelaxed);
  const Heads heads = heads_stay ? Heads{} : ComputeHeads(left, cut, kSlots, prefix.bytes);
  for (unsigned i = cut; i < kSlots; ++i) {
    right.heads[i - cut].store(heads_stay ? left.heads[i].load(kRelaxed) : heads[i], kRelaxed);
    right.keys[i - cut].store(left.keys[i].load(kRelaxed), kRelaxed);
    if (left.level > 0) {
      static_cast<InnerNode&>(right).children[i - cut].store(
          static_cast<const InnerNode&>(left).children[i].load(kRelaxed), kRelaxed);
    }
  }
  if (left.level > 0) {
    right.heads[0].store(0, kRelaxed);
  }
}

// Inside the window of `left`. References beyond the count stay; nobody follows them.
void MemtableTree::ShrinkLeft(Node& left, unsigned cut, ArenaRef right,
                              const LeftRemainder& remainder) {
  constexpr auto kRelease = std::memory_order_release;
  const Prefix prefix = remainder.prefix;
  if (prefix.bytes != left.prefix_bytes.load(std::memory_order_relaxed)) {
    for (unsigned i = 0; i < cut; ++i) {
      left.heads[i].store(remainder.heads[i], kRelease);
    }
    left.prefix_bytes.store(prefix.bytes, kRelease);
  }
  RacePoint();
  left.guard.store(prefix.guard, kRelease);
  left.high = left.keys[cut].load(std::memory_order_relaxed);
  if (left.level == 0) {
    left.next.store(right, kRelease);
    RacePoint();
  }
  left.tombstones.store(left.tombstones.load(std::memory_order_relaxed) & BitsBelow(cut), kRelease);
  left.count.store(static_cast<std::uint16_t>(cut), kRelease);
  for (unsigned i = cut; i < kSlots; ++i) {
    left.heads[i].store(kUnusedHead, kRelease);
  }
}

// Not yet published.
ArenaRef MemtableTree::NewRoot(const Node& left, ArenaRef left_ref, ArenaRef separator,
                               ArenaRef right) {
  const std::uint32_t prefix_bytes = SharedPrefix(left, left.level == 0 ? 0 : 1, kSlots - 1);
  const ArenaRef ref = NewNode(left.level + 1u, {kNoRef, kNoRef});
  auto& root = static_cast<InnerNode&>(MutableNode(ref));
  root.prefix_bytes.store(prefix_bytes, std::memory_order_relaxed);
  root.guard.store(prefix_bytes > 0 ? separator : kNoRef, std::memory_order_relaxed);
  root.heads[0].store(0, std::memory_order_relaxed);
  root.heads[1].store(KeyHead(Record(separator).key(), prefix_bytes), std::memory_order_relaxed);
  root.keys[0].store(kNoRef, std::memory_order_relaxed);
  root.keys[1].store(separator, std::memory_order_relaxed);
  root.children[0].store(left_ref, std::memory_order_relaxed);
  root.children[1].store(right, std::memory_order_relaxed);
  root.count.store(2, std::memory_order_relaxed);
  return ref;
}

}  // namespace firn
