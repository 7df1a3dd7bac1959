// SPDX-License-Identifier: Apache-2.0
//
// The data directory of a replica: who it is (IDENTITY), its store (store-1/), the replicated log
// and the vote (raft/). It is made once, IDENTITY last: a directory without it was never a member,
// and what else is in it counts for nothing.
//
// A state snapshot brings a whole store, which is built beside the present one under the next
// number (store-2/, …). Which one counts stands in VOTE, with the term and the vote: one write of a
// slot switches the store, the hard state and, since the log is begun anew where it does not
// continue the store, the log. Older stores and the checkpoints that peers were given
// (checkpoint-…/) are removed when the node is opened. A newer one is what a fetch had brought when
// the node ended, and is left to the next fetch (checkpoint_fetcher.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firn/options.h"
#include "firn/result.h"
#include "replica/ballot.h"
#include "replica/identity.h"
#include "replica/raft_log.h"
#include "replica/state_machine.h"
#include "storage/engine/engine.h"

namespace firn {

inline constexpr std::string_view kCheckpointPrefix = "checkpoint-";
// May stand in the directory of a node to be; left alone here.
inline constexpr std::string_view kJoinFileName = "JOIN";

struct NodeSetup {
  Environment environment;
  std::string directory;
  Options engine;  // `wal` is turned off here.
  // What an acknowledged entry survives on this node; the engine's own plays no part.
  Durability durability = Durability::kDisk;
  // Of this run of the machine, another after each start of it. For process durability.
  std::string boot_id{};
  std::uint64_t log_segment_bytes = std::uint64_t{16} << 20;
  std::size_t log_cache_bytes = std::size_t{16} << 20;
};

// What a node has on disk, opened. Destroyed in the reverse order.
struct NodeParts {
  Identity identity;
  std::unique_ptr<BallotFile> ballot;
  std::unique_ptr<StateMachine> machine;  // And with it the engine.
  std::unique_ptr<RaftLog> log;
  std::string notice;  // What the operator should know of the opening; mostly nothing.
};

// Makes the directory of a node that has never been: the first of a cluster, with a membership of
// itself, or one that joins, with none and at index 0. What an attempt that was cut short left is
// removed. kAlreadyExists when there is a node, or anything else that is not ours; kIo, kNoSpace.
Result<void> CreateNode(const NodeSetup& setup, const Identity& identity,
                        const ReplicaState& initial);

// kNotFound when there is no node; kCorruption names what is damaged or missing, also when the
// machine has started again since the node ran at process durability and others vote beside it;
// kBusy when another process has it; kUnsupported: process durability without a boot id.
Result<NodeParts> OpenNode(const NodeSetup& setup);
// Makes all of it durable. For a node whose log nothing writes any more; without it, its next start
// is that of a node that was killed.
Result<void> CloseNode(const NodeSetup& setup, NodeParts& parts);

std::string StorePath(const NodeSetup& setup, std::uint64_t number);
// Numbers of the stores that are there, from `first` on. kIo.
Result<std::vector<std::uint64_t>> StoresFrom(const NodeSetup& setup, std::uint64_t first);
// The store that is there. kCorruption when it has no state of a replica, or none that fits it.
Result<std::unique_ptr<StateMachine>> OpenStore(const NodeSetup& setup, std::uint64_t number);

// Removes a directory that has only files in it.
Result<void> RemoveFolder(FileSystem& files, const std::string& path);

}  // namespace firn
