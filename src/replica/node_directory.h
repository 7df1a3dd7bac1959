// SPDX-License-Identifier: Apache-2.0
//
// The data directory of a replica: who it is (IDENTITY), the store (data/), the replicated log and
// the vote (raft/). It is made once, IDENTITY last: a directory without it was never a member, and
// what else is in it counts for nothing.
#pragma once

#include <memory>
#include <string>

#include "firn/options.h"
#include "firn/result.h"
#include "replica/ballot.h"
#include "replica/identity.h"
#include "replica/raft_log.h"
#include "replica/state_machine.h"
#include "storage/engine/engine.h"

namespace firn {

struct NodeSetup {
  Environment environment;
  std::string directory;
  Options engine;  // `wal` is turned off here.
  std::uint64_t log_segment_bytes = std::uint64_t{16} << 20;
  std::size_t log_cache_bytes = std::size_t{16} << 20;
};

// What a node has on disk, opened. Destroyed in the reverse order.
struct NodeParts {
  Identity identity;
  std::shared_ptr<Engine> engine;
  std::unique_ptr<StateMachine> machine;
  std::unique_ptr<RaftLog> log;
  std::unique_ptr<BallotFile> ballot;
};

// Makes the directory of a node that has never been: the first of a cluster, with a membership of
// itself, or one that joins, with none and at index 0. What an attempt that was cut short left is
// removed. kAlreadyExists when there is a node, or anything else that is not ours; kIo, kNoSpace.
Result<void> CreateNode(const NodeSetup& setup, const Identity& identity,
                        const ReplicaState& initial);

// kNotFound when there is no node; kCorruption names what is damaged or missing; kBusy when another
// process has it.
Result<NodeParts> OpenNode(const NodeSetup& setup);

}  // namespace firn
