// SPDX-License-Identifier: Apache-2.0
#include "server/node_admission.h"

#include <optional>
#include <utility>

#include "base/propagate.h"
#include "base/random.h"
#include "server/join_file.h"

namespace firn::server {
namespace {

constexpr NodeId kFirstNode{1};
// Where the log of every cluster begins: as if an entry before the first had made the membership.
constexpr LogIndex kFirstIndex{1};
constexpr Term kFirstTerm{1};

// 0 stands for nothing.
std::uint64_t RandomId() {
  std::uint64_t id = EntropySeed();
  while (id == 0) {
    id = EntropySeed();
  }
  return id;
}

// The attempt that is under way, or a new one, written down before anybody hears of it.
Result<JoinAttempt> AttemptOf(const NodeSetup& setup, const ToldAddresses& told,
                              const std::string& through) {
  FIRN_TRY_ASSIGN(std::optional<JoinAttempt> earlier, ReadJoinFile(setup.directory));
  JoinAttempt attempt = earlier.value_or(JoinAttempt{
      .directory = RandomId(), .through = "", .client_address = "", .peer_address = ""});
  attempt.through = through;
  attempt.client_address = told.client;
  attempt.peer_address = told.peer;
  if (attempt != earlier) {
    FIRN_TRY(WriteJoinFile(setup.directory, attempt));
  }
  return attempt;
}

}  // namespace

Result<AdmittedNode> FoundCluster(const NodeSetup& setup, const ToldAddresses& told) {
  const Identity identity{.cluster = RandomId(), .node = kFirstNode, .directory = RandomId()};
  ReplicaState initial;
  initial.index = kFirstIndex;
  initial.term = kFirstTerm;
  initial.membership = {.voters = {kFirstNode}, .learners = {}};
  initial.members[kFirstNode] = {.directory = FormatId(identity.directory),
                                 .peer_address = told.peer,
                                 .client_address = told.client};
  initial.largest_node = kFirstNode;
  FIRN_TRY(CreateNode(setup, identity, initial));
  return AdmittedNode{.identity = identity, .arrival = Arrival::kFounded};
}

Result<AdmittedNode> JoinCluster(const NodeSetup& setup, const ToldAddresses& told,
                                 const std::string& through, ClusterClient& cluster) {
  FIRN_TRY_ASSIGN(const JoinAttempt attempt, AttemptOf(setup, told, through));
  FIRN_TRY_ASSIGN(const ClusterClient::Admission admission,
                  cluster.AddMember({.directory = FormatId(attempt.directory),
                                     .peer_address = told.peer,
                                     .client_address = told.client}));
  const Identity identity{
      .cluster = admission.cluster, .node = admission.node, .directory = attempt.directory};
  ReplicaState initial;  // Of before the first entry: what it is to know comes from the leader.
  for (const auto& [node, member] : admission.members) {
    initial.members[node] = member;
  }
  FIRN_TRY(CreateNode(setup, identity, initial));
  return AdmittedNode{.identity = identity, .arrival = Arrival::kJoined};
}

}  // namespace firn::server
