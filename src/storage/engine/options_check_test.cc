// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/options_check.h"

#include <gtest/gtest.h>

namespace firn {
namespace {

constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;

TEST(LimitsOf, FollowFromTheMemtableByDefault) {
  const LevelLimits limits = LimitsOf({});
  EXPECT_EQ(limits.MaxBytes(0), 512 * kMebi);
  EXPECT_EQ(limits.MaxBytes(1), 1024 * kMebi);
  EXPECT_EQ(limits.MaxBytes(2), 10240 * kMebi);
}

TEST(LimitsOf, SmallMemtablesGatherTheirEightyMebibytes) {
  Options options;
  options.memtable_bytes = kMebi;
  EXPECT_EQ(LimitsOf(options).MaxBytes(0), 80 * kMebi);
}

TEST(LimitsOf, LevelOneHoldsTwiceLevelZeroWhateverTheRatio) {
  Options options;
  options.level0_bytes_max = kMebi;
  options.level_ratio = 3;
  EXPECT_EQ(LimitsOf(options).MaxBytes(1), 2 * kMebi);
  EXPECT_EQ(LimitsOf(options).MaxBytes(2), 6 * kMebi);
}

TEST(LimitsOf, LevelOneCanBeChosen) {
  Options options;
  options.level1_bytes_max = 7 * kMebi;
  EXPECT_EQ(LimitsOf(options).MaxBytes(1), 7 * kMebi);
  EXPECT_EQ(LimitsOf(options).MaxBytes(2), 70 * kMebi);
}

}  // namespace
}  // namespace firn
