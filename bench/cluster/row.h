// SPDX-License-Identifier: Apache-2.0
//
// What was measured: one row for each system, repeat, workload and number of requests in flight.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace firn::bench {

struct Row {
  std::string system{};  // "firn" or "etcd".
  int repeat = 0;        // From 1; of failover and restart also the round.
  std::string name{};    // "put 64", "failover", …
  // By name, which ends in the unit.
  std::map<std::string, double> figures{};
  std::map<std::string, std::uint64_t> errors{};  // By name of the status.
};

}  // namespace firn::bench
