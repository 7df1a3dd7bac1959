// SPDX-License-Identifier: Apache-2.0
//
// Seeds of the simulated cluster. FIRN_SIMULATION_SEEDS=FIRST-LAST chooses others than the usual
// ones; one that fails says how to run it alone.
#include "simulation/simulation.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "engine/test_run.h"

namespace firn::simulation {
namespace {

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

Seeds SeedsOr(const Seeds& usual) {
  Seeds seeds = usual;
  if (const char* chosen = std::getenv("FIRN_SIMULATION_SEEDS")) {
    char* rest = nullptr;
    seeds.first = std::strtoull(chosen, &rest, 10);
    seeds.last = *rest == '-' ? std::strtoull(rest + 1, nullptr, 10) : seeds.first;
  }
  return seeds;
}

void RunSeeds(const Seeds& seeds) {
  SimulationReport sum;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const SimulationReport report =
        Simulate({.seed = seed, .defect = PlantedDefect::kNone, .steps = 2'000});
    for (const std::string& violation : report.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation
                    << "\nreproduce: FIRN_SIMULATION_SEEDS=" << seed
                    << " simulation_test --gtest_filter=Simulation.*First*";
    }
    sum.acknowledged += report.acknowledged;
    sum.reads += report.reads;
    sum.scans += report.scans;
    sum.crashes += report.crashes;
    sum.installs += report.installs;
    sum.membership_changes += report.membership_changes;
    if (testing::Test::HasFailure()) {
      return;
    }
  }
  std::printf(
      "seeds %llu to %llu: %llu writes acknowledged, %llu reads, %llu scans, %llu crashes, %llu "
      "states installed, %llu changes of the membership\n",
      static_cast<unsigned long long>(seeds.first), static_cast<unsigned long long>(seeds.last),
      static_cast<unsigned long long>(sum.acknowledged), static_cast<unsigned long long>(sum.reads),
      static_cast<unsigned long long>(sum.scans), static_cast<unsigned long long>(sum.crashes),
      static_cast<unsigned long long>(sum.installs),
      static_cast<unsigned long long>(sum.membership_changes));
  EXPECT_GT(sum.acknowledged, 50 * (seeds.last - seeds.first + 1));
}

// Two programs share the seeds, for two cores.
TEST(Simulation, KeepsItsPromisesInTheFirstHalfOfTheSeeds) {
  RunSeeds(SeedsOr({.first = 1, .last = kIsSanitized ? 10u : 100u}));
}

TEST(Simulation, KeepsItsPromisesInTheSecondHalfOfTheSeeds) {
  RunSeeds(SeedsOr({.first = 101, .last = kIsSanitized ? 110u : 200u}));
}

TEST(Simulation, OfOneSeedIsAlwaysTheSame) {
  const SimulationReport one = Simulate({.seed = 7});
  const SimulationReport two = Simulate({.seed = 7});
  EXPECT_EQ(one.trace, two.trace);
  EXPECT_EQ(one.acknowledged, two.acknowledged);
  EXPECT_NE(one.trace, Simulate({.seed = 8}).trace);
}

}  // namespace
}  // namespace firn::simulation
