// SPDX-License-Identifier: Apache-2.0
//
// The cache holds one reference to every block in a slot and gives it up through the epoch, so that
// a reader who loaded the slot may still use the block or take a reference of its own. Room is made
// before a block goes in. Blocks are retired after the shard's lock was given back: destroying
// other things that wait for the epoch may need it.
#include "storage/table/block_cache.h"

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/epoch.h"
#include "storage/table/block_memory.h"

namespace firn {
namespace {

// Blocks that left their slots, of all caches, and that a reader in an old epoch may still see.
std::atomic<std::size_t> retired_block_bytes{0};

// A reader that the system has stopped inside its epoch keeps all that is evicted meanwhile. Up to
// here the cache goes on.
constexpr std::size_t kRetiredBytesMin = std::size_t{2} << 20;
constexpr std::size_t kRetiredShare = 16;

}  // namespace

CountedPointer<CachedBlock> CachedBlock::Make(std::size_t bytes) {
  auto* block = new (block_memory::Allocate(TotalBytes(bytes))) CachedBlock(bytes);
  std::memset(block->bytes() + bytes, 0, block_format::kSlackBytes);
  return CountedPointer<CachedBlock>::Adopt(block);
}

Result<void> CachedBlock::Parse(std::size_t size) {
  auto parsed = Block::Parse({bytes(), size});
  if (!parsed) {
    return std::move(parsed).error();
  }
  block_ = *parsed;
  return {};
}

std::size_t CachedBlock::charge() const { return block_memory::Footprint(TotalBytes(size_)); }

void CachedBlock::Destroy() const noexcept {
  const std::size_t total = TotalBytes(size_);
  this->~CachedBlock();
  block_memory::Free(const_cast<CachedBlock*>(this), total);
}

BlockCache::BlockCache(std::size_t capacity_bytes) : capacity_(capacity_bytes) {}

BlockCache::~BlockCache() {
  FIRN_CHECK(used_bytes() == 0, used_bytes());
  ReleaseUnused();
}

// Neighbouring slots go to different shards.
std::size_t BlockCache::ShardOf(const BlockSlot* slot) {
  return reinterpret_cast<std::uintptr_t>(slot) / sizeof(BlockSlot) % kShards;
}

BlockReference BlockCache::Pin(const BlockSlot& slot) {
  EpochGuard guard;
  return BlockReference::Share(slot.load(std::memory_order_acquire));
}

BlockReference BlockCache::Insert(BlockSlot& slot, BlockReference block, Temperature temperature) {
  const std::size_t charge = block->charge();
  if (!Accepts(charge) || !Reserve(charge)) {
    return block;
  }
  block->used_.store(temperature == kWarm, std::memory_order_relaxed);
  block->slot_ = &slot;
  Shard& shard = shards_[ShardOf(&slot)];
  MutexLock lock(shard.mutex);
  if (const CachedBlock* present = slot.load(std::memory_order_relaxed)) {
    used_bytes_.fetch_sub(charge, std::memory_order_relaxed);
    return BlockReference::Share(present);
  }
  if (shard.holes.empty()) {
    shard.holes.push_back(static_cast<std::uint32_t>(shard.ring.size()));
    shard.ring.push_back(nullptr);
  }
  block->ring_position_ = shard.holes.back();
  shard.holes.pop_back();
  BlockReference cached = block;
  shard.ring[block->ring_position_] = cached.get();
  slot.store(cached.Release(), std::memory_order_release);
  return block;
}

bool BlockCache::TooMuchIsRetired() const {
  const std::size_t allowed = std::max(kRetiredBytesMin, capacity() / kRetiredShare);
  if (retired_block_bytes.load(std::memory_order_relaxed) <= allowed) [[likely]] {
    return false;
  }
  CollectEpochs();
  return retired_block_bytes.load(std::memory_order_relaxed) > allowed;
}

bool BlockCache::Reserve(std::size_t charge) {
  if (TooMuchIsRetired()) {
    return false;  // Evicting more would free nothing.
  }
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::size_t used = used_bytes();
    while (used + charge <= Room()) {
      if (used_bytes_.compare_exchange_weak(used, used + charge, std::memory_order_relaxed)) {
        KeepMemory(used + charge);
        return true;
      }
    }
    MakeRoom(charge);
  }
  return false;  // Others took the room each time, or the capacity fell.
}

// The rings of all shards are one clock, one behind the other. Two rounds find every block: the
// first may clear its bit, unless readers keep setting it.
void BlockCache::MakeRoom(std::size_t charge) {
  std::vector<const CachedBlock*> victims;
  for (std::size_t i = 0; i <= 2 * kShards && !HasRoom(charge); ++i) {
    const std::size_t turn = clock_shard_.load(std::memory_order_relaxed);
    Shard& shard = shards_[turn % kShards];
    MutexLock lock(shard.mutex);
    if (EvictUpToRingEnd(shard, charge, victims)) {
      clock_shard_.store(turn + 1, std::memory_order_relaxed);
    }
  }
  Retire(victims);
}

bool BlockCache::EvictUpToRingEnd(Shard& shard, std::size_t charge,
                                  std::vector<const CachedBlock*>& victims) {
  for (; shard.hand < shard.ring.size() && !HasRoom(charge); ++shard.hand) {
    const CachedBlock* block = shard.ring[shard.hand];
    if (block == nullptr) {
      continue;
    }
    if (block->used_.load(std::memory_order_relaxed)) {
      block->used_.store(false, std::memory_order_relaxed);
      continue;
    }
    Unlink(shard, *block);
    victims.push_back(block);
  }
  if (shard.hand < shard.ring.size()) {
    return false;
  }
  shard.hand = 0;
  return true;
}

void BlockCache::Unlink(Shard& shard, const CachedBlock& block) {
  block.slot_->store(nullptr, std::memory_order_release);
  shard.ring[block.ring_position_] = nullptr;
  shard.holes.push_back(block.ring_position_);
  used_bytes_.fetch_sub(block.charge(), std::memory_order_relaxed);
}

void BlockCache::Retire(const std::vector<const CachedBlock*>& blocks) {
  for (const CachedBlock* block : blocks) {
    const std::size_t bytes = block->charge();
    retired_block_bytes.fetch_add(bytes, std::memory_order_relaxed);
    RetireInEpoch(bytes, [block, bytes] {
      retired_block_bytes.fetch_sub(bytes, std::memory_order_relaxed);
      auto last = BlockReference::Adopt(block);
    });
  }
}

void BlockCache::Remove(std::span<BlockSlot> slots) {
  std::vector<const CachedBlock*> removed;
  for (std::size_t start = 0; start < kShards && start < slots.size(); ++start) {
    Shard& shard = shards_[ShardOf(&slots[start])];
    MutexLock lock(shard.mutex);
    for (std::size_t i = start; i < slots.size(); i += kShards) {
      if (const CachedBlock* block = slots[i].load(std::memory_order_relaxed)) {
        Unlink(shard, *block);
        removed.push_back(block);
      }
    }
  }
  // In the order of their memory, so that whole pieces of it come free one after the other.
  std::sort(removed.begin(), removed.end(), std::less<>());
  Retire(removed);
}

void BlockCache::AddResident(std::size_t bytes) {
  resident_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  LimitKeptMemory(Room());
  MakeRoom(0);
}

void BlockCache::SetCapacity(std::size_t bytes) {
  capacity_.store(bytes, std::memory_order_relaxed);
  LimitKeptMemory(Room());
  MakeRoom(0);
}

void BlockCache::ReleaseUnused() {
  LimitKeptMemory(used_bytes());
  block_memory::Trim();
}

void BlockCache::KeepMemory(std::size_t bytes_min) {
  std::size_t kept = kept_bytes_.load(std::memory_order_relaxed);
  while (kept < bytes_min) {
    if (kept_bytes_.compare_exchange_weak(kept, bytes_min, std::memory_order_relaxed)) {
      block_memory::Keep(bytes_min - kept);
      return;
    }
  }
}

void BlockCache::LimitKeptMemory(std::size_t bytes_max) {
  std::size_t kept = kept_bytes_.load(std::memory_order_relaxed);
  while (kept > bytes_max) {
    if (kept_bytes_.compare_exchange_weak(kept, bytes_max, std::memory_order_relaxed)) {
      block_memory::KeepNoMore(kept - bytes_max);
      return;
    }
  }
}

}  // namespace firn
