// SPDX-License-Identifier: Apache-2.0
#include "replica/gathering.h"

#include <gtest/gtest.h>

namespace firn {
namespace {

TEST(Gathering, OneAloneNeverWaits) {
  for (const bool first_waits : {false, true}) {
    Gathering gathering(first_waits);
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(gathering.IsDue(1, 0));
      gathering.NoteGroup(1);
    }
    EXPECT_FALSE(gathering.IsDue(0, 0));
  }
}

TEST(Gathering, AGroupBehindOthersIsAsLargeAsTheyAre) {
  const Gathering gathering(true);
  EXPECT_FALSE(gathering.IsDue(4, 5));
  EXPECT_EQ(gathering.Missing(4, 5), 0U) << "it waits for those under way";
  EXPECT_TRUE(gathering.IsDue(5, 5));
}

TEST(Gathering, TheFirstOfManyWaitForMostOfThem) {
  Gathering gathering(true);
  gathering.NoteGroup(100);
  EXPECT_FALSE(gathering.IsDue(74, 0));
  EXPECT_EQ(gathering.Missing(74, 0), 1U);
  EXPECT_EQ(gathering.Missing(0, 0), 0U);
  EXPECT_TRUE(gathering.IsDue(75, 0));
  gathering.End();
  EXPECT_TRUE(gathering.IsDue(1, 0));
}

TEST(Gathering, SmallGroupsWearOffTheMemoryOfALargeOne) {
  Gathering gathering(true);
  gathering.NoteGroup(1'000);
  int groups = 0;
  for (; !gathering.IsDue(1, 0); ++groups) {
    gathering.NoteGroup(1);
  }
  EXPECT_LT(groups, 60);
}

}  // namespace
}  // namespace firn
