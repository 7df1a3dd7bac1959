// SPDX-License-Identifier: Apache-2.0
//
// Counters for hot paths. Each thread adds to cache lines of its own, so that an Add is a plain
// load and store that no other core waits for; Sum adds the stripes up. Stripes of ended threads
// keep their counts and are used again. Threads beyond kOwnStripes share one stripe and pay for
// atomic additions.
//
//   enum class Event { kHit, kMiss, kCount };
//   StripedCounters<Event> events;
//   events.Add(Event::kHit);
//
// Thread-safe. A Sum that runs beside an Add may or may not include it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace firn {

namespace internal {

inline constexpr std::size_t kOwnStripes = 127;
inline constexpr std::size_t kSharedStripe = kOwnStripes;
inline constexpr std::size_t kNoStripe = SIZE_MAX;

// Gives the calling thread a stripe number for its lifetime; kSharedStripe when all are taken.
std::size_t ClaimStripe();
extern constinit thread_local std::size_t this_thread_stripe;

inline std::size_t ThreadStripe() {
  const std::size_t stripe = this_thread_stripe;
  return stripe != kNoStripe ? stripe : ClaimStripe();
}

}  // namespace internal

// `Name` is an enumeration that starts at zero and ends with kCount.
template <typename Name>
class StripedCounters {
 public:
  StripedCounters() = default;
  ~StripedCounters() {
    for (auto& stripe : stripes_) {
      std::unique_ptr<Stripe> owned(stripe.load(std::memory_order_acquire));
    }
  }
  StripedCounters(const StripedCounters&) = delete;
  StripedCounters& operator=(const StripedCounters&) = delete;

  void Add(Name name, std::uint64_t amount = 1) {
    const std::size_t number = internal::ThreadStripe();
    Stripe* stripe = stripes_[number].load(std::memory_order_acquire);
    if (stripe == nullptr) [[unlikely]] {
      stripe = MakeStripe(number);
    }
    auto& counter = stripe->counts[static_cast<std::size_t>(name)];
    if (number == internal::kSharedStripe) [[unlikely]] {
      counter.fetch_add(amount, std::memory_order_relaxed);
    } else {
      counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
  }

  std::uint64_t Sum(Name name) const {
    std::uint64_t sum = 0;
    for (const auto& slot : stripes_) {
      if (const Stripe* stripe = slot.load(std::memory_order_acquire)) {
        sum += stripe->counts[static_cast<std::size_t>(name)].load(std::memory_order_relaxed);
      }
    }
    return sum;
  }

 private:
  struct alignas(64) Stripe {
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Name::kCount)> counts{};
  };

  Stripe* MakeStripe(std::size_t number) {
    auto made = std::make_unique<Stripe>();
    Stripe* present = nullptr;
    if (stripes_[number].compare_exchange_strong(present, made.get(), std::memory_order_acq_rel)) {
      return made.release();
    }
    return present;
  }

  std::array<std::atomic<Stripe*>, internal::kOwnStripes + 1> stripes_{};
};

}  // namespace firn
