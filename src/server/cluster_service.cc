// SPDX-License-Identifier: Apache-2.0
#include "server/cluster_service.h"

#include <algorithm>
#include <utility>

#include "firn/v1/cluster.grpc.pb.h"
#include "server/operator_demand.h"
#include "server/unary_call.h"

namespace firn::server {
namespace {

// A transfer that has not happened after a few election timeouts will not: Raft gives it up.
constexpr std::chrono::seconds kTransferMax{5};

v1::Role RoleOf(const ReplicaStatus& status, NodeId self) {
  const MemberStatus* member = FindMember(status, self);
  if (member != nullptr && member->is_learner) {
    return v1::ROLE_LEARNER;
  }
  switch (status.raft.role) {
    case RaftRole::kFollower: return v1::ROLE_FOLLOWER;
    case RaftRole::kCandidate:
    case RaftRole::kPreCandidate: return v1::ROLE_CANDIDATE;
    case RaftRole::kLeader: return v1::ROLE_LEADER;
  }
  return v1::ROLE_UNSPECIFIED;
}

void DescribeMember(const MemberStatus& member, const ReplicaStatus& status,
                    v1::Member& described) {
  described.set_node_id(member.id.value);
  described.set_is_learner(member.is_learner);
  described.set_peer_address(member.member.peer_address);
  described.set_client_address(member.member.client_address);
  described.set_directory_id(member.member.directory);
  described.set_match_index(member.match.value);
  if (status.raft.role == RaftRole::kLeader) {
    const std::uint64_t last = std::max(status.durable.value, status.raft.hard.commit.value);
    described.set_lag(last - std::min(last, member.match.value));
  }
  described.set_is_active(member.is_active);
  described.set_gets_snapshot(member.gets_snapshot);
}

// What a request asks for, and what is told once the change is applied.
MembershipDemand Demanded(const v1::AddMemberRequest& request, const Limits& limits) {
  return DemandOf(request, limits);
}
template <typename Request>
MembershipDemand Demanded(const Request& request, const Limits&) {
  return DemandOf(request);
}

template <typename Request, typename Response>
void DescribeChange(const Replica&, NodeId, const Request&, Response&) {}

// The status may be a moment older than the change.
void DescribeChange(const Replica& replica, NodeId added, const v1::AddMemberRequest& request,
                    v1::AddMemberResponse& response) {
  const ReplicaStatus status = replica.Status();
  response.set_cluster_id(replica.identity().cluster);
  response.set_node_id(added.value);
  for (const MemberStatus& member : status.members) {
    DescribeMember(member, status, *response.add_members());
  }
  if (FindMember(status, added) == nullptr) {
    v1::Member& member = *response.add_members();
    member.set_node_id(added.value);
    member.set_is_learner(true);
    member.set_peer_address(request.peer_address());
    member.set_client_address(request.client_address());
    member.set_directory_id(request.directory_id());
  }
}

// Whether the change would take the leadership away from the node that is to make it.
bool RemovesLeader(const MembershipRequest& request, const ReplicaStatus& status, NodeId self) {
  const auto voters = std::ranges::count(status.members, false, &MemberStatus::is_learner);
  return request.kind == MembershipRequest::Kind::kRemove && request.node == self &&
         status.raft.role == RaftRole::kLeader && voters > 1;
}

template <typename Request, typename Response>
class ChangeCall final : public TypedCall<Request, Response> {
 public:
  using TypedCall<Request, Response>::TypedCall;

 private:
  void Begin() override {
    const ServingNode& node = this->node_;
    const MembershipDemand demand = Demanded(this->request_, node.limits);
    if (const auto* refusal = std::get_if<Refusal>(&demand)) {
      return this->Refuse(*refusal);
    }
    if (this->IsDraining()) {
      return this->Refuse(Draining());
    }
    const auto& request = std::get<MembershipRequest>(demand);
    if (RemovesLeader(request, node.replica.Status(), node.id())) {
      return HandOver();
    }
    node.replica.ChangeMembership(request, [this](const MembershipReply& reply) {
      reply_ = reply;
      this->loop().Post([this] { End(); });
    });
  }

  // The leader that is to go names the new one, which is to be asked again.
  void HandOver() {
    const ServingNode& node = this->node_;
    Replica& replica = node.replica;
    node.status_watch.Await(
        {.holds =
             [self = node.id()](const ReplicaStatus& status) {
               return status.raft.leader != self && status.raft.leader.value != 0;
             },
         .limit = kTransferMax,
         .done =
             [this](bool, const ReplicaStatus&) {
               this->loop().Post([this] { this->Refuse(Fate::kNotLeader, Asked::kMembership); });
             }});
    replica.TransferLeadership({});
  }

  void End() {
    const Replica& replica = this->node_.replica;
    if (reply_.fate != Fate::kDone) {
      return this->Refuse(
          RefusalOf(reply_.fate, Asked::kMembership, LeaderOf(replica), reply_.reason));
    }
    DescribeChange(replica, reply_.node, this->request_, this->response_);
    this->Succeed();
  }

  MembershipReply reply_;
};

class TransferCall final
    : public TypedCall<v1::TransferLeadershipRequest, v1::TransferLeadershipResponse> {
 public:
  using TypedCall::TypedCall;

 private:
  void Begin() override {
    to_ = {request_.node_id()};
    const ReplicaStatus status = node_.replica.Status();
    if (status.raft.role != RaftRole::kLeader) {
      return Refuse(Fate::kNotLeader, Asked::kMembership);
    }
    if (const auto refusal = Check(status)) {
      return Refuse(*refusal);
    }
    if (to_ == node_.id()) {
      response_.set_leader_id(to_.value);
      return Succeed();
    }
    Replica& replica = node_.replica;
    const NodeId to = to_;
    node_.status_watch.Await({.holds =
                                  [to, self = node_.id()](const ReplicaStatus& now) {
                                    const NodeId leader = now.raft.leader;
                                    return leader.value != 0 && leader != self &&
                                           (to.value == 0 || leader == to);
                                  },
                              .limit = kTransferMax,
                              .done =
                                  [this](bool holds, const ReplicaStatus& now) {
                                    leader_ = holds ? now.raft.leader : NodeId{};
                                    loop().Post([this] { End(); });
                                  }});
    replica.TransferLeadership(to);
  }

  // Raft is silent about a transfer to somebody who cannot lead.
  std::optional<Refusal> Check(const ReplicaStatus& status) const {
    const auto may_lead = [this](const MemberStatus& member) {
      return !member.is_learner && (to_.value == 0 ? member.id != node_.id() : member.id == to_);
    };
    if (std::ranges::any_of(status.members, may_lead)) {
      return std::nullopt;
    }
    return RefusalOf(Fate::kRefused, Asked::kMembership, {},
                     to_.value == 0 ? "no other voter could lead: add and promote one first"
                                    : "node " + std::to_string(to_.value) +
                                          " is no voter: name one of those that GetStatus shows");
  }

  void End() {
    if (leader_.value == 0) {
      return Refuse({.code = grpc::StatusCode::UNAVAILABLE,
                     .text = "leadership has not moved within " +
                             std::to_string(kTransferMax.count()) +
                             " s; look at the members' lag and activity, then ask again"});
    }
    response_.set_leader_id(leader_.value);
    Succeed();
  }

  NodeId to_;
  NodeId leader_;
};

void DescribeNode(const Replica& replica, const NodeFacts& facts, v1::GetStatusResponse& response) {
  server::Describe(replica.Status(), replica.identity(), response);
  response.set_version(facts.version);
  response.set_durability(facts.durability);
  const auto uptime =
      std::chrono::duration_cast<std::chrono::milliseconds>(facts.clock.Now() - facts.started);
  response.set_uptime_ms(static_cast<std::uint64_t>(uptime.count()));
}

}  // namespace

CallService MakeClusterService(const ServingNode& node, const NodeFacts& facts) {
  using Cluster = v1::ClusterService::AsyncService;
  constexpr std::size_t kAhead = 2;
  const auto kind = [&node](Method method) { return UnaryCall::Kind{node, method}; };
  using StatusCall = TaskCall<v1::GetStatusRequest, v1::GetStatusResponse>;
  using AddCall = ChangeCall<v1::AddMemberRequest, v1::AddMemberResponse>;
  using PromoteCall = ChangeCall<v1::PromoteMemberRequest, v1::PromoteMemberResponse>;
  using RemoveCall = ChangeCall<v1::RemoveMemberRequest, v1::RemoveMemberResponse>;
  const StatusCall::Task describe = [&node, facts](const auto&, auto& response) {
    DescribeNode(node.replica, facts, response);
    return std::optional<Refusal>();
  };
  CallServiceBuilder<Cluster> service;
  service
      .Add<StatusCall>(&Cluster::RequestGetStatus, kAhead, kind(Method::kGetStatus),
                       StatusCall::Length::kShort, describe)
      .Add<AddCall>(&Cluster::RequestAddMember, kAhead, kind(Method::kAddMember))
      .Add<PromoteCall>(&Cluster::RequestPromoteMember, kAhead, kind(Method::kPromoteMember))
      .Add<RemoveCall>(&Cluster::RequestRemoveMember, kAhead, kind(Method::kRemoveMember))
      .Add<TransferCall>(&Cluster::RequestTransferLeadership, kAhead,
                         kind(Method::kTransferLeadership));
  return service.Build();
}

void Describe(const ReplicaStatus& status, const Identity& identity,
              v1::GetStatusResponse& response) {
  response.set_cluster_id(identity.cluster);
  response.set_node_id(identity.node.value);
  response.set_role(RoleOf(status, identity.node));
  response.set_term(status.raft.hard.term.value);
  response.set_leader_id(status.raft.leader.value);
  if (const MemberStatus* leader = FindMember(status, status.raft.leader)) {
    response.set_leader_address(leader->member.client_address);
  }
  response.set_commit_index(status.raft.hard.commit.value);
  response.set_applied_index(status.applied.value);
  response.set_durable_index(status.durable.value);
  for (const MemberStatus& member : status.members) {
    DescribeMember(member, status, *response.add_members());
  }
  if (status.failure) {
    response.set_failure(status.failure->Describe());
  }
}

}  // namespace firn::server
