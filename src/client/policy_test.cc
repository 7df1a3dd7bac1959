// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "client/endpoints.h"
#include "client/retry_policy.h"
#include "client/testing_surroundings.h"

namespace firn::client {
namespace {

using std::chrono::milliseconds;
using Detail = v1::ErrorDetail;

TEST(Diagnosis, OnlyWhatTheNodeSaysWasNotDoneCountsAsNotDone) {
  for (int reason = Detail::Reason_MIN; reason <= Detail::Reason_MAX; ++reason) {
    const Diagnosis diagnosis = Diagnose(FailsBecause(static_cast<Detail::Reason>(reason)));
    const bool perhaps_done = reason == Detail::REASON_UNSPECIFIED ||
                              reason == Detail::OUTCOME_UNKNOWN || reason == Detail::NODE_STOPPED ||
                              reason == Detail::RESULT_FORGOTTEN;
    EXPECT_EQ(diagnosis.perhaps_done, perhaps_done) << reason;
  }
}

TEST(Diagnosis, ANodeThatKnowsNoLeaderIsNotFollowed) {
  EXPECT_EQ(Diagnose(FailsBecause(Detail::NOT_LEADER)).remedy, Remedy::kAskOther);
  EXPECT_EQ(Diagnose(FailsBecause(Detail::NOT_LEADER, "a:1")).remedy, Remedy::kAskLeader);
}

TEST(Diagnosis, ReasonsOfALaterVersionAreJudgedByTheirStatus) {
  Attempt attempt = FailsBecause(static_cast<Detail::Reason>(99));
  attempt.code = StatusCode::kInvalidArgument;
  EXPECT_EQ(Diagnose(attempt), (Diagnosis{.kind = FailureKind::kInvalid}));
}

TEST(BackOff, StaysWithinItsBoundAndUsesAllOfIt) {
  Random random(3);
  const BackOffLimits limits{.first = milliseconds(8), .last = milliseconds(50)};
  for (int before = 0; before < 40; ++before) {
    milliseconds longest(0);
    for (int i = 0; i < 500; ++i) {
      longest = std::max(longest, BackOff(limits, before, random));
    }
    EXPECT_EQ(longest, std::min(milliseconds(8) * (1 << std::min(before, 10)), milliseconds(50)));
  }
}

TEST(Endpoints, CallsThatFailTogetherMoveOnByOne) {
  Endpoints endpoints({"a", "b", "c"});
  endpoints.Fails("a");
  endpoints.Fails("a");
  EXPECT_EQ(endpoints.Next(), "b");
  endpoints.Leads("x");
  endpoints.Fails("b");  // Late news of a node that is not asked any more.
  EXPECT_EQ(endpoints.Next(), "x");
  endpoints.Fails("x");
  EXPECT_EQ(endpoints.Next(), "c");
}

}  // namespace
}  // namespace firn::client
