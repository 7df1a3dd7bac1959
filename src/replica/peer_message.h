// SPDX-License-Identifier: Apache-2.0
//
// What nodes of a cluster say to each other, and the seam to the wire that carries it. A wire may
// lose, delay, repeat and reorder; what must arrive is asked for again by whoever needs it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "consensus/raft.h"
#include "replica/member.h"

namespace firn {

enum class PeerMessageKind : std::uint8_t {
  kRaft = 1,          // A RaftMessage's bytes.
  kForward = 2,       // A client's command, for the leader (forwarder.h).
  kForwardReply = 3,  // What became of it.
  kFetch = 4,         // Asks for a part of a checkpoint (state_transfer.h).
  kChunk = 5,         // That part.
  kInstalled = 6,     // The checkpoint is in place.
  kAudit = 7,         // What a node's state sums up to at an index (auditor.h).
};

struct PeerMessage {
  PeerMessageKind kind = PeerMessageKind::kRaft;
  NodeId to;
  std::string bytes;
};

// Calls come from the node's task alone and never block.
class PeerSender {
 public:
  virtual ~PeerSender() = default;
  virtual void Send(const RaftMessage& message) = 0;
  virtual void Send(const PeerMessage& message) = 0;
  // Who there is to talk to from now on, the node itself included.
  virtual void SetMembers(const std::map<NodeId, Member>& members) = 0;
};

}  // namespace firn
