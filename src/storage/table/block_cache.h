// SPDX-License-Identifier: Apache-2.0
//
// Decides which blocks stay in memory. It has no table to look blocks up in: every open table owns
// an array of slots, one for each of its blocks, and a slot points straight at the cached block.
// The cache fills slots, counts bytes, and empties slots again by CLOCK (Corbató 1968).
//
// A cached lookup loads the slot under an EpochGuard and sets a bit that is mostly set already: it
// takes no lock, counts no reference and writes no shared line. Whoever needs a block beyond its
// epoch takes a reference. A block leaves memory when it left its slot, the epoch passed and no
// reference is left.
//
// Thread-safe. Locks are taken to insert and to evict only.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "storage/counted.h"
#include "storage/table/block.h"
#include "storage/table/table_counters.h"

namespace firn {

class CachedBlock;
using BlockReference = CountedPointer<const CachedBlock>;
using BlockSlot = std::atomic<const CachedBlock*>;

// A block with the memory it lies in, in one allocation; inside the cache or not.
class CachedBlock final : public Counted {
 public:
  // Room for a block of `bytes`; fill room(), then Parse.
  static CountedPointer<CachedBlock> Make(std::size_t bytes);
  std::span<char> room() { return {bytes(), size_}; }
  // Reads the block that room() holds now in its first `size` bytes.
  Result<void> Parse(std::size_t size);

  const Block& block() const { return block_; }
  // Of this with its bytes, from its address on.
  std::size_t memory_bytes() const { return TotalBytes(size_); }
  // What the cache is charged: the allocation.
  std::size_t charge() const;

  // Asks for the memory of a lookup while `block`, if there is one, has not arrived.
  static void Prefetch(const CachedBlock* block) {
    if (block != nullptr) {
      Block::PrefetchHeads(reinterpret_cast<const char*>(block));
    }
  }
  void MarkUsed() const {
    if (!used_.load(std::memory_order_relaxed)) {
      used_.store(true, std::memory_order_relaxed);
    }
  }

 private:
  friend class BlockCache;

  explicit CachedBlock(std::size_t size) : size_(size) {}
  ~CachedBlock() override = default;
  void Destroy() const noexcept override;
  static std::size_t TotalBytes(std::size_t size) {
    return sizeof(CachedBlock) + size + block_format::kSlackBytes;
  }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }

  mutable std::atomic<bool> used_{false};
  mutable std::uint32_t ring_position_ = 0;  // This and slot_ belong to the cache's shard.
  mutable BlockSlot* slot_ = nullptr;
  std::size_t size_;
  Block block_;
};

class BlockCache {
 public:
  explicit BlockCache(std::size_t capacity_bytes);
  // No slot may point into the cache any more: all tables are gone.
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // Evicts what is too much. Not under an EpochGuard.
  void SetCapacity(std::size_t bytes);
  // What open tables hold besides blocks comes out of the capacity, all but a half of it. The
  // caller adds and subtracts what was added. Adding evicts: not under an EpochGuard.
  void AddResident(std::size_t bytes);
  void RemoveResident(std::size_t bytes) {
    resident_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  std::size_t resident_bytes() const { return resident_bytes_.load(std::memory_order_relaxed); }
  std::size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  // Never above the capacity, except while it is being lowered. Blocks that left the cache and are
  // still looked at are not in it: see EpochRetiredBytes.
  std::size_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

  // Blocks of tables that end leave their memory to those that come. This gives it back: there will
  // be none for now.
  void ReleaseUnused();

  // Whether blocks of that charge are cached at all: not above an eighth of what there is for
  // blocks.
  bool Accepts(std::size_t charge) const { return charge <= Room() / 8; }

  // A warm block survives the next round of the clock; one of many read in a row does not unless it
  // is used again.
  enum Temperature : bool { kCold = false, kWarm = true };

  // Puts a loaded block into its slot. Returns the block to use: the one that was there if another
  // thread was faster. A block for which no room can be made is not cached. Not under an
  // EpochGuard.
  BlockReference Insert(BlockSlot& slot, BlockReference block, Temperature temperature);

  // A reference to the block in the slot, if there is one.
  static BlockReference Pin(const BlockSlot& slot);

  // Empties the slots of a table that ends. Not under an EpochGuard.
  void Remove(std::span<BlockSlot> slots);

  TableCounters& counters() { return counters_; }

 private:
  static constexpr std::size_t kShards = 8;

  // One clock: blocks in a ring, holes where some were taken out.
  struct alignas(64) Shard {
    Mutex mutex;
    std::vector<const CachedBlock*> ring FIRN_GUARDED_BY(mutex);
    std::vector<std::uint32_t> holes FIRN_GUARDED_BY(mutex);
    std::size_t hand FIRN_GUARDED_BY(mutex) = 0;
  };

  static std::size_t ShardOf(const BlockSlot* slot);
  static void Retire(const std::vector<const CachedBlock*>& blocks);
  bool Reserve(std::size_t charge);
  void KeepMemory(std::size_t bytes_min);
  void LimitKeptMemory(std::size_t bytes_max);
  bool TooMuchIsRetired() const;
  // For blocks.
  std::size_t Room() const {
    const std::size_t all = capacity();
    return all - std::min(resident_bytes(), all / 2);
  }
  bool HasRoom(std::size_t charge) const { return used_bytes() + charge <= Room(); }
  void MakeRoom(std::size_t charge);
  // Returns whether the hand reached the end and starts over.
  bool EvictUpToRingEnd(Shard& shard, std::size_t charge, std::vector<const CachedBlock*>& victims)
      FIRN_REQUIRES(shard.mutex);
  void Unlink(Shard& shard, const CachedBlock& block) FIRN_REQUIRES(shard.mutex);

  std::atomic<std::size_t> capacity_;
  std::atomic<std::size_t> used_bytes_{0};
  std::atomic<std::size_t> resident_bytes_{0};
  std::atomic<std::size_t> kept_bytes_{0};   // What block_memory keeps for it: the most it used.
  std::atomic<std::size_t> clock_shard_{0};  // Whose ring the hand is in.
  TableCounters counters_;
  std::array<Shard, kShards> shards_;
};

}  // namespace firn
