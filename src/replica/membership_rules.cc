// SPDX-License-Identifier: Apache-2.0
#include "replica/membership_rules.h"

#include <algorithm>

namespace firn {
namespace {

using Judgement = std::variant<MembershipChange, MembershipReply>;

bool Has(const std::vector<NodeId>& ids, NodeId id) {
  return std::ranges::find(ids, id) != ids.end();
}

std::string Text(NodeId id) { return "node " + std::to_string(id.value); }

MembershipReply Refuse(NodeId node, std::string reason) {
  return {.fate = Fate::kRefused, .node = node, .reason = std::move(reason)};
}

Judgement JudgeAdd(const MembershipRequest& request, const ClusterView& view) {
  const ReplicaState& state = view.state;
  for (const auto& [id, member] : state.members) {
    if (!request.member.directory.empty() && member.directory == request.member.directory) {
      if (request.node != NodeId{} && request.node != id) {
        return Refuse(
            id, "this data directory has joined as " + Text(id) + ", not as " + Text(request.node));
      }
      return MembershipReply{.fate = Fate::kDone, .node = id, .reason = {}};
    }
  }
  if (request.member.directory.empty() || request.member.peer_address.empty()) {
    return Refuse(request.node, "a node that joins needs a directory id and a peer address");
  }
  const NodeId next{state.largest_node.value + 1};
  if (request.node != NodeId{} && request.node < next) {
    return Refuse(request.node, Text(request.node) +
                                    " is an id that was used before; ids are never used again, " +
                                    "choose " + std::to_string(next.value) + " or above");
  }
  return MembershipChange{.kind = MembershipChange::Kind::kAddLearner,
                          .node = request.node == NodeId{} ? next : request.node,
                          .context = Encode(request.member)};
}

Judgement JudgePromotion(const MembershipRequest& request, const ClusterView& view) {
  const NodeId node = request.node;
  if (Has(view.state.membership.voters, node)) {
    return MembershipReply{.fate = Fate::kDone, .node = node, .reason = {}};
  }
  if (!Has(view.state.membership.learners, node)) {
    return Refuse(node, Text(node) + " is no member");
  }
  // The core counts a node as active from the moment it is added.
  const auto progress = std::ranges::find(view.peers, node, &PeerProgress::id);
  if (progress == view.peers.end() || !progress->recently_active || progress->match == LogIndex{}) {
    return Refuse(node, Text(node) + " has not been heard of lately; start it, then ask again");
  }
  if (progress->match.value + view.lag_max < view.commit.value) {
    return Refuse(node, Text(node) + " has entries up to " + std::to_string(progress->match.value) +
                            " of " + std::to_string(view.commit.value) +
                            " and has to catch up first; ask again");
  }
  return MembershipChange{.kind = MembershipChange::Kind::kAddVoter, .node = node, .context = {}};
}

Judgement JudgeRemoval(const MembershipRequest& request, const ClusterView& view) {
  const NodeId node = request.node;
  const Membership& membership = view.state.membership;
  const bool is_voter = Has(membership.voters, node);
  if (!is_voter && !Has(membership.learners, node)) {
    return Refuse(node, Text(node) + " is no member");
  }
  if (is_voter && membership.voters.size() == 1) {
    return Refuse(node, Text(node) + " is the only voter; a cluster cannot lose its last one");
  }
  if (node == view.self) {
    return MembershipReply{.fate = Fate::kNotLeader, .node = node, .reason = {}};
  }
  if (is_voter) {
    const auto is_left_and_active = [&](const PeerProgress& peer) {
      return peer.id != node && !peer.is_learner && (peer.recently_active || peer.id == view.self);
    };
    const auto active = std::ranges::count_if(view.peers, is_left_and_active);
    if (static_cast<std::size_t>(active) < (membership.voters.size() - 1) / 2 + 1) {
      return Refuse(node, "without " + Text(node) + " only " + std::to_string(active) + " of " +
                              std::to_string(membership.voters.size() - 1) +
                              " voters would be up, no majority; start the others first");
    }
  }
  return MembershipChange{.kind = MembershipChange::Kind::kRemove, .node = node, .context = {}};
}

}  // namespace

Judgement Judge(const MembershipRequest& request, const ClusterView& view) {
  switch (request.kind) {
    case MembershipRequest::Kind::kAdd: return JudgeAdd(request, view);
    case MembershipRequest::Kind::kPromote: return JudgePromotion(request, view);
    case MembershipRequest::Kind::kRemove: return JudgeRemoval(request, view);
  }
  return Refuse(request.node, "no such change");
}

}  // namespace firn
