// SPDX-License-Identifier: Apache-2.0
//
// What the services of one server share: the replica they speak for, and the threads, pins and
// limits around it. All of it outlives the calls.
#pragma once

#include <atomic>

#include "replica/replica.h"
#include "server/limits.h"
#include "server/page_token.h"
#include "server/refusal.h"
#include "server/rpc_counts.h"
#include "server/scan_pins.h"
#include "server/status_watch.h"
#include "server/stream_watch.h"
#include "server/worker_pool.h"

namespace firn::server {

struct ServingNode {
  Replica& replica;
  const Limits& limits;
  WorkerPool& workers;  // Short work that may wait for a disk.
  WorkerPool& chores;   // Flushes and compactions, one after another.
  ScanPins& pins;
  StreamWatch& streams;
  StatusWatch& status_watch;
  const PageTokenSeal& seal;
  RpcCounts& counts;
  const std::atomic<bool>& draining;  // Nothing new is begun.

  NodeId id() const { return replica.identity().node; }
};

// Who leads instead of this node. Takes a copy of the status: for calls that are refused.
LeaderHint LeaderOf(const Replica& replica);
const MemberStatus* FindMember(const ReplicaStatus& status, NodeId id);

}  // namespace firn::server
