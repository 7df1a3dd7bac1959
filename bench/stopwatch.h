// SPDX-License-Identifier: Apache-2.0
//
// A clock for single operations. On x86-64 it is the processor's time-stamp counter, about 10 ns a
// look, where the system's clock takes 25; its rate is measured against that once. Elsewhere it is
// the system's clock.
#pragma once

#include <chrono>
#include <cstdint>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace firn::bench {

using SteadyClock = std::chrono::steady_clock;

inline std::uint64_t Ticks() {
#ifdef __x86_64__
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count());
#endif
}

// Nanoseconds a tick takes. The first call takes 20 ms.
inline double NanosecondsPerTick() {
  static const double rate = [] {
    const auto start = SteadyClock::now();
    const std::uint64_t ticks = Ticks();
    while (SteadyClock::now() - start < std::chrono::milliseconds(20)) {
    }
    const std::chrono::duration<double, std::nano> took = SteadyClock::now() - start;
    return took.count() / static_cast<double>(Ticks() - ticks);
  }();
  return rate;
}

inline double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

}  // namespace firn::bench
