// SPDX-License-Identifier: Apache-2.0
//
// All that the pages of a node tell, as of one moment: plain values, so that pages can be tested
// without a node.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firn/statistics.h"
#include "replica/identity.h"
#include "replica/replica.h"
#include "server/peer/peer_statistics.h"

namespace firn::server {

// Of the services for clients, since the start.
struct RpcCounters {
  // How often a method ended with a status: ("firn.v1.KVService/Put", "OK").
  std::map<std::pair<std::string, std::string>, std::uint64_t> calls;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // For want of room or descriptors.
};

struct NodeReport {
  std::string version;
  std::string durability;  // "disk": what a client is told is synced on a majority.
  Identity identity;
  std::chrono::seconds uptime{0};
  bool is_draining = false;
  ReplicaStatus replica;
  Statistics engine;
  std::vector<LevelInfo> levels;
  std::optional<PeerTransportStatistics> peers;
  RpcCounters rpc;
};

// Why the node should not be sent requests; empty: it should.
std::string WhyNotReady(const NodeReport& report);

// Prometheus' text format.
std::string RenderMetrics(const NodeReport& report);
// One JSON object.
std::string RenderStatus(const NodeReport& report);

}  // namespace firn::server
