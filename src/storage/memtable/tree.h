// SPDX-License-Identifier: Apache-2.0
//
// The B+-tree behind the memtable: one thread inserts, any number reads without locks. Nodes hold
// key heads (node.h), leaves refer to key records (record.h), nothing moves or is freed while the
// tree lives. docs/invariants.md, I-M1 to I-M17, has the rules.
//
// A reader descends by optimistic coupling: it takes the child's version before it believes the
// parent's, so the leaf it reaches covered the key at that version. Ascending insertion takes a
// path of its own at the right edge, which needs no descent and disturbs no reader.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/entry.h"
#include "storage/memtable/arena.h"
#include "storage/memtable/insertion.h"
#include "storage/memtable/key_filter.h"
#include "storage/memtable/leaf_view.h"
#include "storage/memtable/node.h"
#include "storage/memtable/record.h"

namespace firn {

class MemtableTree {
 public:
  MemtableTree(ChunkPool* pool, std::size_t bytes_expected);
  MemtableTree(const MemtableTree&) = delete;
  MemtableTree& operator=(const MemtableTree&) = delete;

  // The contracts are those of Memtable.
  InsertionPoint Expect(std::string_view key) const;
  void Insert(const Entry& entry, const InsertionPoint& expected);
  Found Find(const Lookup& lookup) const;
  void Prefetch(const Lookup& lookup) const { filter_.Prefetch(lookup.hash); }
  std::size_t memory_bytes() const { return nodes_.allocated_bytes() + records_.allocated_bytes(); }
  std::size_t filter_bytes() const { return filter_.bytes(); }
  std::size_t idle_bytes() const { return nodes_.idle_bytes() + records_.idle_bytes(); }
  std::size_t data_bytes() const { return data_bytes_.load(std::memory_order_relaxed); }
  std::size_t entry_count() const { return entry_count_.load(std::memory_order_acquire); }

  // For cursors. Each copies one leaf as of one moment.
  void ReadFirstLeaf(LeafView& view) const { ReadLeaf(first_leaf_, view); }
  void ReadLastLeaf(LeafView& view) const;
  void ReadLeaf(ArenaRef leaf, LeafView& view) const;
  void ReadLeafBefore(LeafView& view) const;  // The one before `view`, which must have one.
  void PrefetchLeaf(ArenaRef leaf) const;     // If there is one.

  // Where a key belongs in one node.
  struct Slot {
    unsigned index;          // Of the first key that is not below it.
    const KeyRecord* exact;  // The record of the key itself, or null.
  };
  // Copies the leaf whose range has `key`.
  Slot Locate(std::string_view key, LeafView& view) const;

  const Arena& records() const { return records_; }
  const KeyRecord& Record(ArenaRef ref) const { return *records_.At<const KeyRecord>(ref); }

  // Walks the whole tree and aborts where it is not as the invariants say. While nobody inserts.
  void CheckInvariants() const;

 private:
  static constexpr unsigned kLevelsMax = 12;
  static constexpr std::uint32_t kPrefixGainMin = 3;

  using Heads = std::array<std::uint64_t, kSlots>;

  struct Visit {
    ArenaRef ref;
    const Node* node;
    std::uint32_t version;
  };
  struct Path {
    std::array<ArenaRef, kLevelsMax> nodes;  // From the root to the leaf; or the leaf alone.
    std::array<unsigned, kLevelsMax> slots;  // Which child was taken; of the leaf: where to insert.
    unsigned depth;                          // Of the leaf; the first has 0.
  };
  // Which bytes the heads of a node leave out, and the guard (node.h).
  struct Prefix {
    std::uint32_t bytes;
    ArenaRef guard;
  };
  // What a split leaves in the left node, worked out before readers are shut out of it.
  struct LeftRemainder {
    Prefix prefix;
    Heads heads;  // Unset when the prefix stays as it was.
  };
  struct Range {
    ArenaRef low;
    ArenaRef high;
  };

  // Reading. An empty optional: the node changed meanwhile, start again.
  std::optional<Slot> Search(const Node& node, std::uint32_t version, std::string_view key) const;
  std::optional<Slot> SearchTies(const Node& node, std::uint32_t version, std::string_view key,
                                 unsigned first) const;
  std::optional<Visit> TryDescend(std::string_view key) const;
  static bool TryView(const Visit& leaf, LeafView& view);
  const Node* NodeAt(ArenaRef ref) const { return nodes_.At<const Node>(ref); }

  // Writing. Only the inserting thread.
  bool TryAppend(const Entry& entry);
  bool IsAboveAll(std::string_view key) const;
  bool SearchForInsert(std::string_view key, const InsertionPoint& expected, Path& path) const;
  bool DescendForInsert(std::string_view key, Path& path) const;
  unsigned ChildSlot(const Node& inner, std::string_view key) const;
  void InsertKey(const Entry& entry, Path& path);
  void AppendToLeaf(Node& leaf, ArenaRef key);
  static void NoteKind(Node& leaf, unsigned slot, const Entry& entry);
  void InsertSlot(Node& node, unsigned slot, ArenaRef key, ArenaRef child);
  std::uint64_t HeadIn(const Node& node, ArenaRef key) const;
  void FitPrefix(Node& node, std::string_view key);
  bool FitsPrefix(const Node& node, std::string_view key) const;
  void MakeRoom(const Path& path);
  void Split(const Path& path, unsigned depth);
  void FillRight(const Node& left, unsigned cut, Node& right, Prefix prefix) const;
  void ShrinkLeft(Node& left, unsigned cut, ArenaRef right, const LeftRemainder& remainder);
  ArenaRef NewRoot(const Node& left, ArenaRef left_ref, ArenaRef separator, ArenaRef right);
  ArenaRef NewNode(unsigned level, Range range);
  Heads ComputeHeads(const Node& node, unsigned begin, unsigned end, std::uint32_t skip) const;
  std::uint32_t FencePrefix(Range range) const;
  std::uint32_t SharedPrefix(const Node& node, unsigned first, unsigned last) const;
  Prefix ChoosePrefix(const Node& node, unsigned begin, unsigned end, Range range) const;
  void Count(const Entry& entry);
  Node& MutableNode(ArenaRef ref) { return *nodes_.At<Node>(ref); }

  struct SubtreeCheck;
  void CheckNode(ArenaRef ref, Range range, unsigned level, SubtreeCheck& check) const;
  void CheckSlots(const Node& node) const;
  void CheckKeys(const Node& node) const;
  void CheckTombstones(const Node& leaf) const;
  void CheckVersions(const KeyRecord& record, SubtreeCheck& check) const;

  // Shared; changes at root splits only.
  alignas(64) std::atomic<ArenaRef> root_{kNoRef};
  std::atomic<ArenaRef> last_leaf_{kNoRef};
  ArenaRef first_leaf_ = kNoRef;  // Constant: splits keep the left node where it is.
  Arena nodes_;
  Arena records_;
  KeyFilter filter_;

  // On lines of their own, so that counting an entry takes no line from readers.
  alignas(64) std::atomic<std::size_t> entry_count_{0};
  std::atomic<std::size_t> data_bytes_{0};
  // The inserting thread's own.
  SequenceNumber last_sequence_{0};
  const KeyRecord* largest_ = nullptr;
  std::uint64_t splits_ = 0;  // So many times a node's range became smaller.
};

}  // namespace firn
