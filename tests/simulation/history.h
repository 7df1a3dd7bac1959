// SPDX-License-Identifier: Apache-2.0
//
// What clients did to one key, and whether there is an order of it that one copy could have had:
// linearizability (Herlihy and Wing 1990), searched for as Wing and Gong (1993) do, with the states
// that were already tried remembered (Lowe 2017).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace firn::simulation {

inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
inline constexpr int kAbsent = 0;  // Values are numbers from 1.

struct Operation {
  enum class Kind { kPut, kDelete, kCompareAndSet, kGet };

  Kind kind = Kind::kGet;
  int value = kAbsent;     // Written, or seen by a get.
  int expected = kAbsent;  // By a compare-and-set.
  bool applied = true;     // Of a compare-and-set that was answered.
  std::uint64_t start = 0;
  std::uint64_t end = kNever;  // kNever: the client never learned what became of it.
};

enum class Verdict { kLinearizable, kNotLinearizable, kTooHard };

// Of one key that was absent at first.
Verdict CheckLinearizable(std::vector<Operation> operations);

std::string Describe(const std::vector<Operation>& operations);

}  // namespace firn::simulation
