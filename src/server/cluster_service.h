// SPDX-License-Identifier: Apache-2.0
//
// ClusterService (proto/firn/v1/cluster.proto): who takes part, who leads, and changing both.
#pragma once

#include <chrono>
#include <string>

#include "firn/v1/cluster.pb.h"
#include "server/call_service.h"
#include "server/serving_node.h"

namespace firn::server {

// What a status tells that the replica does not know.
struct NodeFacts {
  std::string version{};
  std::string durability{};
  const Clock& clock;
  std::chrono::nanoseconds started{0};  // On the clock.
};

// `node` outlives the service.
CallService MakeClusterService(const ServingNode& node, const NodeFacts& facts);

void Describe(const ReplicaStatus& status, const Identity& identity,
              v1::GetStatusResponse& response);

}  // namespace firn::server
