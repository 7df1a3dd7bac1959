// SPDX-License-Identifier: Apache-2.0
#include "simulation/history.h"

#include <gtest/gtest.h>

namespace firn::simulation {
namespace {

using Kind = Operation::Kind;

Operation Put(int value, std::uint64_t start, std::uint64_t end) {
  return {.kind = Kind::kPut,
          .value = value,
          .expected = 0,
          .applied = true,
          .start = start,
          .end = end};
}
Operation Get(int value, std::uint64_t start, std::uint64_t end) {
  return {.kind = Kind::kGet,
          .value = value,
          .expected = 0,
          .applied = true,
          .start = start,
          .end = end};
}
Operation Delete(std::uint64_t start, std::uint64_t end) {
  return {.kind = Kind::kDelete,
          .value = 0,
          .expected = 0,
          .applied = true,
          .start = start,
          .end = end};
}
// Answered within a tick.
Operation Cas(int expected, int value, bool applied, std::uint64_t start) {
  return {.kind = Kind::kCompareAndSet,
          .value = value,
          .expected = expected,
          .applied = applied,
          .start = start,
          .end = start + 1};
}

TEST(Linearizability, HoldsForWhatOneCopyCouldHaveDone) {
  EXPECT_EQ(CheckLinearizable({}), Verdict::kLinearizable);
  EXPECT_EQ(
      CheckLinearizable({Get(0, 1, 2), Put(1, 3, 4), Get(1, 5, 6), Delete(7, 8), Get(0, 9, 10)}),
      Verdict::kLinearizable);
  EXPECT_EQ(CheckLinearizable({Put(1, 1, 10), Get(0, 2, 3), Get(1, 4, 5)}), Verdict::kLinearizable)
      << "a write takes effect somewhere between its ends";
  EXPECT_EQ(CheckLinearizable({Put(1, 1, kNever), Get(0, 2, 3), Get(1, 50, 51)}),
            Verdict::kLinearizable)
      << "what is unknown may happen late";
  EXPECT_EQ(CheckLinearizable({Cas(0, 1, true, 1), Cas(0, 2, false, 3), Get(1, 5, 6)}),
            Verdict::kLinearizable);
}

TEST(Linearizability, IsBrokenByStaleReads) {
  EXPECT_EQ(CheckLinearizable({Put(1, 1, 2), Put(2, 3, 4), Get(1, 5, 6)}),
            Verdict::kNotLinearizable);
  EXPECT_EQ(CheckLinearizable({Put(1, 1, 2), Put(2, 3, 10), Get(2, 4, 5), Get(1, 6, 7)}),
            Verdict::kNotLinearizable)
      << "reads go back";
}

TEST(Linearizability, IsBrokenByLostWritesAndByWritesThatHappenTwice) {
  EXPECT_EQ(CheckLinearizable({Put(1, 1, 2), Get(0, 3, 4)}), Verdict::kNotLinearizable);
  EXPECT_EQ(
      CheckLinearizable({Put(1, 1, 20), Get(1, 2, 3), Put(2, 4, 5), Get(2, 6, 7), Get(1, 8, 9)}),
      Verdict::kNotLinearizable);
}

TEST(Linearizability, IsBrokenByConditionsThatWereNotKept) {
  EXPECT_EQ(CheckLinearizable({Cas(0, 1, true, 1), Cas(0, 2, true, 3)}), Verdict::kNotLinearizable);
  EXPECT_EQ(CheckLinearizable({Put(1, 1, 2), Cas(1, 2, false, 3)}), Verdict::kNotLinearizable);
}

TEST(Linearizability, ManyUnknownWritesAreNoHindrance) {
  std::vector<Operation> operations;
  for (int i = 1; i <= 200; ++i) {
    const auto at = static_cast<std::uint64_t>(i) * 10;
    operations.push_back(Put(i, at, i % 4 == 0 ? kNever : at + 15));
    operations.push_back(Get(i % 4 == 0 ? i - 1 : i, at + 16, at + 18));
  }
  EXPECT_NE(CheckLinearizable(operations), Verdict::kTooHard);
}

}  // namespace
}  // namespace firn::simulation
