// SPDX-License-Identifier: Apache-2.0
//
// Epoch-based reclamation (Fraser 2004): readers announce that they are looking at shared objects;
// whoever unlinks an object retires it, and it is destroyed when every reader that may have seen it
// has left. Entering costs two plain stores to a cache line of the thread's own: the order against
// reclaimers comes from membarrier(2) on their side, or from a fence where that is missing.
//
// One domain for the process. An EpochGuard must be short: no I/O, no waiting, no lock under it.
// Guards nest. Slots of ended threads are used again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace firn {

namespace internal {

struct alignas(64) EpochSlot {
  std::atomic<std::uint64_t> epoch{0};  // 0: not reading.
  std::uint32_t depth = 0;              // Touched by the owning thread only.
  std::atomic<bool> taken{false};
  EpochSlot* next = nullptr;
};

extern std::atomic<std::uint64_t> global_epoch;
extern const bool has_membarrier;
EpochSlot* ClaimEpochSlot();
extern constinit thread_local EpochSlot* this_thread_slot;

}  // namespace internal

class EpochGuard {
 public:
  EpochGuard() : slot_(internal::this_thread_slot) {
    if (slot_ == nullptr) [[unlikely]] {
      slot_ = internal::ClaimEpochSlot();
    }
    if (slot_->depth++ == 0) {
      Enter();
    }
  }
  ~EpochGuard() { Leave(); }
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;

  // Ends the guard before its destruction, ahead of I/O. Harmless when repeated.
  void Leave() {
    if (slot_ != nullptr && --slot_->depth == 0) {
      slot_->epoch.store(0, std::memory_order_release);
    }
    slot_ = nullptr;
  }

 private:
  void Enter() {
    slot_->epoch.store(internal::global_epoch.load(std::memory_order_relaxed),
                       std::memory_order_release);
    if (internal::has_membarrier) [[likely]] {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      slot_->epoch.exchange(slot_->epoch.load(std::memory_order_relaxed),
                            std::memory_order_seq_cst);
    }
  }

  internal::EpochSlot* slot_;
};

// Runs `destroy` once no reader can see the object, which must be unlinked already. `bytes` is what
// it holds: past a limit the caller collects on the spot. Thread-safe; not under an EpochGuard.
void RetireInEpoch(std::size_t bytes, std::function<void()> destroy);

// Destroys what can be destroyed now. Thread-safe; not under an EpochGuard.
void CollectEpochs();

// Bytes retired and not yet destroyed.
std::size_t EpochRetiredBytes();

}  // namespace firn
