// SPDX-License-Identifier: Apache-2.0
//
// The simulation finds what it is there to find. Each defect is planted in all nodes and hunted
// over some seeds, in a process of its own: some end in a violation, some in a failed check.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "engine/test_run.h"
#include "simulation/simulation.h"

namespace firn::simulation {
namespace {

struct Planted {
  const char* name;
  PlantedDefect defect;
};

constexpr Planted kPlanted[] = {
    {"ReplyBeforeSync", PlantedDefect::kReplyBeforeSync},
    {"NoCommitClamp", PlantedDefect::kNoCommitClamp},
    {"VoteNotWritten", PlantedDefect::kVoteNotWritten},
    {"ReadWithoutQuorum", PlantedDefect::kReadWithoutQuorum},
    {"ReadContextReused", PlantedDefect::kReadContextReused},
    {"MembershipNotFlushed", PlantedDefect::kMembershipNotFlushed},
    {"SnapshotOlderThanLearner", PlantedDefect::kSnapshotOlderThanLearner},
    {"TickDuringInstall", PlantedDefect::kTickDuringInstall},
    {"LocalRevisions", PlantedDefect::kLocalRevisions},
    {"SessionRecreated", PlantedDefect::kSessionRecreated},
    {"SessionsNotInSnapshot", PlantedDefect::kSessionsNotInSnapshot},
    {"AppliedTwice", PlantedDefect::kAppliedTwice},
    {"CommittedTruncated", PlantedDefect::kCommittedTruncated},
    {"TrimmedUnderTransfer", PlantedDefect::kTrimmedUnderTransfer},
};

constexpr std::uint64_t kSeedsMax = 100;

void Hunt(PlantedDefect defect) {
  for (std::uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    const SimulationReport report = Simulate({.seed = seed, .defect = defect, .steps = 2'000});
    if (!report.violations.empty()) {
      std::fprintf(stderr, "found with seed %llu: %s\n", static_cast<unsigned long long>(seed),
                   report.violations.front().c_str());
      std::abort();
    }
  }
}

class PlantedDefectTest : public testing::TestWithParam<Planted> {};

TEST_P(PlantedDefectTest, IsFound) {
  if (kIsSanitized) {
    GTEST_SKIP() << "a death under a sanitizer is not the one that is looked for";
  }
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Hunt(GetParam().defect), "");
}

INSTANTIATE_TEST_SUITE_P(All, PlantedDefectTest, testing::ValuesIn(kPlanted),
                         [](const auto& planted) { return std::string(planted.param.name); });

}  // namespace
}  // namespace firn::simulation
