// SPDX-License-Identifier: Apache-2.0
#include "server/serving_node.h"

#include <algorithm>

namespace firn::server {

LeaderHint LeaderOf(const Replica& replica) {
  const ReplicaStatus status = replica.Status();
  const NodeId leader = status.raft.leader;
  if (leader == replica.identity().node) {
    return {};  // It has come to lead since the call was refused: no use in naming it.
  }
  const MemberStatus* member = FindMember(status, leader);
  return {.node = leader, .address = member == nullptr ? "" : member->member.client_address};
}

const MemberStatus* FindMember(const ReplicaStatus& status, NodeId id) {
  const auto found = std::find_if(status.members.begin(), status.members.end(),
                                  [id](const MemberStatus& member) { return member.id == id; });
  return found == status.members.end() ? nullptr : &*found;
}

}  // namespace firn::server
