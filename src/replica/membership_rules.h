// SPDX-License-Identifier: Apache-2.0
//
// Which changes of the membership a leader proposes, decided before anything is proposed: the Raft
// core panics on every node when the last voter goes, goes on leading when it has removed itself,
// and takes an id that was used before for the same node (docs/invariants.md, I-R8, I-R16).
#pragma once

#include <optional>
#include <variant>

#include "consensus/raft.h"
#include "replica/requests.h"
#include "replica/state_machine.h"

namespace firn {

struct ClusterView {
  const ReplicaState& state;
  NodeId self;
  LogIndex commit;
  const std::vector<PeerProgress>& peers;
  std::uint64_t lag_max = 1'000;  // Entries that a learner may be behind when it gets its vote.
};

// The change to propose, or the reply that is due without one: kNotLeader when the leader is to be
// removed, which has to hand over first.
std::variant<MembershipChange, MembershipReply> Judge(const MembershipRequest& request,
                                                      const ClusterView& view);

}  // namespace firn
