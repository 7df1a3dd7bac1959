// SPDX-License-Identifier: Apache-2.0
//
// Places where another thread's step in between matters. In the library they are nothing. The race
// test compiles the memtable once more with FIRN_RACE_POINTS: there a thread gives up its core at
// some of them, so that orders of events which take months to occur on their own occur in every
// run.
#pragma once

#if defined(FIRN_RACE_POINTS)
#include <cstdint>
#include <thread>
#endif

namespace firn {

inline void RacePoint() {
#if defined(FIRN_RACE_POINTS)
  thread_local std::uint32_t state = 1;
  state = state * 1664525 + 1013904223;  // Numerical Recipes' generator.
  if (state >> 28 == 0) {
    std::this_thread::yield();
  }
#endif
}

}  // namespace firn
