// SPDX-License-Identifier: Apache-2.0
//
// A node of the memtable's B+-tree: up to 64 keys, each as its head and a reference to its record,
// and the seqlock that lets one thread change the node while others read it.
//
//   line 0      version, count, prefix, fences, links, tombstones
//   lines 1-8   heads[64]     first eight bytes of each key after the node's prefix, ascending
//   lines 9-12  keys[64]      the keys' records (in an inner node: the separators')
//   lines 13-16 children[64]  inner nodes only
//
// Heads beyond `count` are all ones, so that a search needs no count. In an inner node child i
// holds the keys from separator i up to separator i + 1; slot 0 stands for everything below
// separator 1, its head is 0 and its key the node's low fence.
//
// Reading: take the version with StableVersion, load fields (every load is an acquire), and believe
// nothing, and follow no reference, before IsUnchanged. Writing: inside a WriteWindow (every store
// is a release). A reader that met any store of a window then meets the odd version too, without
// fences.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "base/prefetch.h"
#include "storage/memtable/arena.h"

namespace firn {

inline constexpr unsigned kSlots = 64;
inline constexpr std::uint64_t kUnusedHead = ~std::uint64_t{0};

struct alignas(64) Node {
  std::atomic<std::uint32_t> version{0};  // Odd while the node is being changed.
  std::atomic<std::uint32_t> prefix_bytes{0};
  // A record whose key starts with the prefix, when the fences do not force every key of the node's
  // range to; then a search compares the prefix first. kNoRef when they do.
  std::atomic<ArenaRef> guard{kNoRef};
  std::atomic<ArenaRef> next{kNoRef};  // Leaves only, as prev.
  std::atomic<ArenaRef> prev{kNoRef};
  std::atomic<std::uint16_t> count{0};
  std::uint16_t level = 0;  // 0: a leaf. Constant.
  // The node holds keys from `low` up to and without `high`. kNoRef: unbounded. The writer's own.
  ArenaRef low = kNoRef;
  ArenaRef high = kNoRef;
  // Leaves only: a bit for each slot whose key's newest version is a tombstone, and the largest
  // sequence that set one. A reader from there on may pass these keys by without their records.
  std::atomic<std::uint64_t> tombstones{0};
  std::atomic<std::uint64_t> tombstone_sequence{0};

  alignas(64) std::atomic<std::uint64_t> heads[kSlots];
  std::atomic<ArenaRef> keys[kSlots];
};

struct InnerNode : Node {
  std::atomic<ArenaRef> children[kSlots];
};

static_assert(offsetof(Node, tombstone_sequence) < 64);
static_assert(sizeof(Node) == 13 * 64 && sizeof(InnerNode) == 17 * 64);

inline void PrefetchNode(const Node* node) { PrefetchLines(node, sizeof(Node)); }

// Waits while the version is odd: for some dozens of stores as a rule, for a slice of the scheduler
// when the writer lost its core in their midst.
inline std::uint32_t StableVersion(const Node& node) {
  constexpr int kSpinsMax = 128;
  for (int spins = 0;; ++spins) {
    const std::uint32_t version = node.version.load(std::memory_order_acquire);
    if ((version & 1) == 0) [[likely]] {
      return version;
    }
    if (spins >= kSpinsMax) {
      std::this_thread::yield();
    }
  }
}

// Whether everything loaded since `version` was taken belongs together.
inline bool IsUnchanged(const Node& node, std::uint32_t version) {
  return node.version.load(std::memory_order_relaxed) == version;
}

class WriteWindow {
 public:
  explicit WriteWindow(Node& node)
      : node_(node), version_(node.version.load(std::memory_order_relaxed)) {
    node_.version.store(version_ + 1, std::memory_order_relaxed);
  }
  ~WriteWindow() { node_.version.store(version_ + 2, std::memory_order_release); }
  WriteWindow(const WriteWindow&) = delete;
  WriteWindow& operator=(const WriteWindow&) = delete;

 private:
  Node& node_;
  const std::uint32_t version_;
};

// The bits of the slots before `slot`, which is below kSlots.
inline std::uint64_t BitsBelow(unsigned slot) { return (std::uint64_t{1} << slot) - 1; }

// How many heads are below `head`. Two rounds of eight independent loads, without a branch: first
// which cache line, then where in it.
inline unsigned CountBelow(const Node& node, std::uint64_t head) {
  unsigned full_lines = 0;
  for (unsigned i = 0; i < 8; ++i) {
    full_lines += node.heads[8 * i + 7].load(std::memory_order_acquire) < head;
  }
  const unsigned line = full_lines - (full_lines >> 3);  // All eight: count in the last again.
  unsigned below = 8 * line;
  for (unsigned i = 0; i < 8; ++i) {
    below += node.heads[8 * line + i].load(std::memory_order_acquire) < head;
  }
  return below;
}

}  // namespace firn
