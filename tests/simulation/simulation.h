// SPDX-License-Identifier: Apache-2.0
//
// A whole cluster in one process and one thread: real engine, log, Raft, driver and forwarding over
// simulated disks and a simulated network, on virtual time; clients that write, read, retry and
// check; and everything that goes wrong. One seed decides all of it, so a run can be repeated.
//
// What is checked: every key's history is linearizable, writes of several keys are seen whole, a
// request that is sent again is applied once, a term has one leader, nodes agree on every index,
// what was acknowledged is on the disks of a majority, and a cluster that is left alone comes to
// rest with all nodes equal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replica/planted_defect.h"

namespace firn::simulation {

struct SimulationSetup {
  std::uint64_t seed = 0;
  PlantedDefect defect = PlantedDefect::kNone;
  int steps = 2'000;  // Of 10 ms, in bad weather; some calm ones follow.
};

struct SimulationReport {
  std::vector<std::string> violations;
  std::uint64_t acknowledged = 0;  // Writes.
  std::uint64_t reads = 0;
  std::uint64_t scans = 0;
  std::uint64_t crashes = 0;
  std::uint64_t installs = 0;  // State snapshots put in place.
  std::uint64_t membership_changes = 0;
  std::uint64_t trace = 0;  // Of the end: equal for equal seeds.
};

SimulationReport Simulate(const SimulationSetup& setup);

}  // namespace firn::simulation
