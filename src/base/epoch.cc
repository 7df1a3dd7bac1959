// SPDX-License-Identifier: Apache-2.0
#include "base/epoch.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "base/mutex.h"

namespace firn {
namespace {

struct Retired {
  std::uint64_t epoch;
  std::size_t bytes;
  std::function<void()> destroy;
};

constexpr std::size_t kCollectAtBytes = std::size_t{1} << 20;
constexpr std::size_t kCollectAtCount = 256;

struct Limbo {
  Mutex mutex;
  std::vector<Retired> retired FIRN_GUARDED_BY(mutex);
  std::atomic<std::size_t> bytes{0};
};

// Never destroyed: threads may still end after main has.
Limbo& TheLimbo() {
  static auto& limbo = *new Limbo;
  return limbo;
}

std::atomic<internal::EpochSlot*> all_slots{nullptr};

bool RegisterMembarrier() {
  return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

// The smallest epoch that a reader is in, or the maximum when nobody reads.
std::uint64_t OldestReader() {
  std::uint64_t oldest = UINT64_MAX;
  for (auto* slot = all_slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    const std::uint64_t epoch = slot->epoch.load(std::memory_order_acquire);
    if (epoch != 0 && epoch < oldest) {
      oldest = epoch;
    }
  }
  return oldest;
}

// Gives the slot back when its thread ends.
struct SlotOwner {
  internal::EpochSlot* slot = nullptr;
  ~SlotOwner() {
    if (slot != nullptr) {
      internal::this_thread_slot = nullptr;
      slot->taken.store(false, std::memory_order_release);
    }
  }
};

internal::EpochSlot* FindFreeSlot() {
  for (auto* slot = all_slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    bool expected = false;
    if (slot->taken.compare_exchange_strong(expected, true, std::memory_order_acquire)) {
      return slot;
    }
  }
  return nullptr;
}

}  // namespace

namespace internal {

std::atomic<std::uint64_t> global_epoch{1};
const bool has_membarrier = RegisterMembarrier();
constinit thread_local EpochSlot* this_thread_slot = nullptr;

EpochSlot* ClaimEpochSlot() {
  thread_local SlotOwner owner;
  EpochSlot* slot = FindFreeSlot();
  if (slot == nullptr) {
    slot = new EpochSlot;  // Lives as long as the process, linked into all_slots.
    slot->taken.store(true, std::memory_order_relaxed);
    slot->next = all_slots.load(std::memory_order_relaxed);
    while (!all_slots.compare_exchange_weak(slot->next, slot, std::memory_order_release)) {
    }
  }
  owner.slot = slot;
  this_thread_slot = slot;
  return slot;
}

}  // namespace internal

void RetireInEpoch(std::size_t bytes, std::function<void()> destroy) {
  Limbo& limbo = TheLimbo();
  bool collect;
  {
    MutexLock lock(limbo.mutex);
    const std::uint64_t epoch = internal::global_epoch.load(std::memory_order_relaxed);
    limbo.retired.push_back({epoch, bytes, std::move(destroy)});
    const std::size_t held = limbo.bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    collect = held >= kCollectAtBytes || limbo.retired.size() >= kCollectAtCount;
  }
  if (collect) {
    CollectEpochs();
  }
}

void CollectEpochs() {
  Limbo& limbo = TheLimbo();
  std::vector<Retired> candidates;
  {
    MutexLock lock(limbo.mutex);
    candidates.swap(limbo.retired);
    // Readers that enter from here on announce an epoch above every candidate's.
    internal::global_epoch.fetch_add(1, std::memory_order_seq_cst);
  }
  if (internal::has_membarrier) {
    // A reader whose announcement is not visible below starts reading after this call, so it cannot
    // find what was unlinked before it.
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  }
  const std::uint64_t oldest = OldestReader();
  std::vector<Retired> kept;
  for (Retired& retired : candidates) {
    if (retired.epoch < oldest) {
      limbo.bytes.fetch_sub(retired.bytes, std::memory_order_relaxed);
      retired.destroy();
    } else {
      kept.push_back(std::move(retired));
    }
  }
  if (!kept.empty()) {
    MutexLock lock(limbo.mutex);
    for (Retired& retired : kept) {
      limbo.retired.push_back(std::move(retired));
    }
  }
}

std::size_t EpochRetiredBytes() { return TheLimbo().bytes.load(std::memory_order_relaxed); }

}  // namespace firn
