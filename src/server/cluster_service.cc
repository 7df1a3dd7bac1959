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

class ChangeCall final : public UnaryCall {
 public:
  // Fills the response once the change is applied.
  using Answer = std::function<void(NodeId)>;

  ChangeCall(const Call& call, Answer answer) : UnaryCall(call), answer_(std::move(answer)) {}

  void Begin(MembershipRequest request) {
    if (node_.draining.load(std::memory_order_relaxed)) {
      return Refuse(Draining());
    }
    request_ = std::move(request);
    if (request_.kind == MembershipRequest::Kind::kRemove && request_.node == node_.id()) {
      const ReplicaStatus status = node_.replica.Status();
      const auto voters =
          std::count_if(status.members.begin(), status.members.end(),
                        [](const MemberStatus& member) { return !member.is_learner; });
      if (status.raft.role == RaftRole::kLeader && voters > 1) {
        return HandOver();
      }
    }
    node_.replica.ChangeMembership(request_, [this](const MembershipReply& reply) {
      reply_ = reply;
      node_.workers.Post([this] { End(); });
    });
  }

 private:
  // The leader that is to go names the new one, which is to be asked again.
  void HandOver() {
    node_.status_watch.Await(
        {.holds =
             [self = node_.id()](const ReplicaStatus& status) {
               return status.raft.leader != self && status.raft.leader.value != 0;
             },
         .limit = kTransferMax,
         .done =
             [this](bool, const ReplicaStatus&) {
               node_.workers.Post([this] { Refuse(Fate::kNotLeader, Asked::kMembership); });
             }});
    node_.replica.TransferLeadership({});
  }

  void End() {
    if (reply_.fate != Fate::kDone) {
      return Refuse(
          RefusalOf(reply_.fate, Asked::kMembership, LeaderOf(node_.replica), reply_.reason));
    }
    answer_(reply_.node);
    Succeed();
  }

  const Answer answer_;
  MembershipRequest request_;
  MembershipReply reply_;
};

class TransferCall final : public UnaryCall {
 public:
  TransferCall(const Call& call, NodeId to, v1::TransferLeadershipResponse& response)
      : UnaryCall(call), to_(to), response_(response) {}

  void Begin() {
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
    node_.status_watch.Await({.holds =
                                  [to = to_, self = node_.id()](const ReplicaStatus& now) {
                                    const NodeId leader = now.raft.leader;
                                    return leader.value != 0 && leader != self &&
                                           (to.value == 0 || leader == to);
                                  },
                              .limit = kTransferMax,
                              .done =
                                  [this](bool holds, const ReplicaStatus& now) {
                                    leader_ = holds ? now.raft.leader : NodeId{};
                                    node_.workers.Post([this] { End(); });
                                  }});
    node_.replica.TransferLeadership(to_);
  }

 private:
  // Raft is silent about a transfer to somebody who cannot lead.
  std::optional<Refusal> Check(const ReplicaStatus& status) const {
    const auto may_lead = [this](const MemberStatus& member) {
      return !member.is_learner && (to_.value == 0 ? member.id != node_.id() : member.id == to_);
    };
    if (std::any_of(status.members.begin(), status.members.end(), may_lead)) {
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

  const NodeId to_;
  v1::TransferLeadershipResponse& response_;
  NodeId leader_;
};

class ClusterService final : public v1::ClusterService::CallbackService {
 public:
  ClusterService(const ServingNode& node, NodeFacts facts)
      : node_(node), facts_(std::move(facts)) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest*,
                                      v1::GetStatusResponse* response) override {
    return TaskCall::Run(
        {node_, *context, Method::kGetStatus}, [this, response]() -> std::optional<Refusal> {
          server::Describe(node_.replica.Status(), node_.replica.identity(), *response);
          response->set_version(facts_.version);
          response->set_durability(facts_.durability);
          const auto uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
              facts_.clock.Now() - facts_.started);
          response->set_uptime_ms(static_cast<std::uint64_t>(uptime.count()));
          return std::nullopt;
        });
  }

  grpc::ServerUnaryReactor* AddMember(grpc::CallbackServerContext* context,
                                      const v1::AddMemberRequest* request,
                                      v1::AddMemberResponse* response) override {
    return Change(
        {node_, *context, Method::kAddMember}, DemandOf(*request, node_.limits),
        [this, request, response](NodeId added) { DescribeAdded(added, *request, *response); });
  }

  grpc::ServerUnaryReactor* PromoteMember(grpc::CallbackServerContext* context,
                                          const v1::PromoteMemberRequest* request,
                                          v1::PromoteMemberResponse*) override {
    return Change({node_, *context, Method::kPromoteMember}, DemandOf(*request), [](NodeId) {});
  }

  grpc::ServerUnaryReactor* RemoveMember(grpc::CallbackServerContext* context,
                                         const v1::RemoveMemberRequest* request,
                                         v1::RemoveMemberResponse*) override {
    return Change({node_, *context, Method::kRemoveMember}, DemandOf(*request), [](NodeId) {});
  }

  grpc::ServerUnaryReactor* TransferLeadership(grpc::CallbackServerContext* context,
                                               const v1::TransferLeadershipRequest* request,
                                               v1::TransferLeadershipResponse* response) override {
    auto* call = new TransferCall({node_, *context, Method::kTransferLeadership},
                                  {request->node_id()}, *response);
    call->Begin();
    return call;
  }

 private:
  static grpc::ServerUnaryReactor* Change(const UnaryCall::Call& call, MembershipDemand demand,
                                          ChangeCall::Answer answer) {
    if (const auto* refusal = std::get_if<Refusal>(&demand)) {
      return TaskCall::RefuseAtOnce(call, *refusal);
    }
    auto* change = new ChangeCall(call, std::move(answer));
    change->Begin(std::move(std::get<MembershipRequest>(demand)));
    return change;
  }

  // The status may be a moment older than the change.
  void DescribeAdded(NodeId added, const v1::AddMemberRequest& request,
                     v1::AddMemberResponse& response) const {
    const ReplicaStatus status = node_.replica.Status();
    response.set_cluster_id(node_.replica.identity().cluster);
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

  const ServingNode& node_;
  const NodeFacts facts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeClusterService(const ServingNode& node, NodeFacts facts) {
  return std::make_unique<ClusterService>(node, std::move(facts));
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
