// SPDX-License-Identifier: Apache-2.0
//
// What randomised tests share: seeds and lengths from the environment, and the line that tells how
// to run a failed case again.
//
//   FIRN_SEED=N          runs the case of this seed alone
//   FIRN_SOAK_MINUTES=N  lets the tests labelled soak go on with new seeds for so long
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/sanitized.h"

namespace firn {

inline std::optional<std::uint64_t> NumberFromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::nullopt
                         : std::optional<std::uint64_t>(std::strtoull(text, nullptr, 10));
}

inline std::string HowToReproduce(std::uint64_t seed) {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  return "reproduce: FIRN_SEED=" + std::to_string(seed) +
         " <test program> --gtest_filter=" + test->test_suite_name() + "." + test->name();
}

// Calls `run(seed)` for `count` seeds from `first` on, or for the one of FIRN_SEED, until one
// fails.
template <typename Run>
void ForSeeds(std::uint64_t first, std::uint64_t count, Run&& run) {
  if (const auto seed = NumberFromEnvironment("FIRN_SEED")) {
    first = *seed;
    count = 1;
  }
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    run(seed);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << HowToReproduce(seed);
      return;
    }
  }
}

// Calls `run(seed)` with ever new seeds for FIRN_SOAK_MINUTES; skips the test without them.
template <typename Run>
void Soak(std::uint64_t first, Run&& run) {
  const auto minutes = NumberFromEnvironment("FIRN_SOAK_MINUTES");
  if (!minutes) {
    GTEST_SKIP() << "set FIRN_SOAK_MINUTES to soak";
  }
  const MonotonicClock clock;
  const auto end = clock.Now() + std::chrono::minutes(*minutes);
  for (std::uint64_t seed = first; clock.Now() < end && !testing::Test::HasFailure(); ++seed) {
    ForSeeds(seed, 1, run);
  }
}

}  // namespace firn
