// SPDX-License-Identifier: Apache-2.0
//
// The verbs on who takes part and who leads: status, members, transfer, add-member, promote,
// remove-member.
#include <algorithm>
#include <chrono>
#include <vector>

#include "cli/client_verbs.h"
#include "cli/json_text.h"
#include "cli/text_table.h"

namespace firn::cli {
namespace {

using client::Reply;

// Asked of each node besides the first, so that a table with dead nodes comes soon.
constexpr std::chrono::milliseconds kStatusTimeout{1'000};

std::string RoleName(v1::Role role) {
  switch (role) {
    case v1::ROLE_FOLLOWER: return "follower";
    case v1::ROLE_CANDIDATE: return "candidate";
    case v1::ROLE_LEADER: return "leader";
    case v1::ROLE_LEARNER: return "learner";
    default: return "unknown";
  }
}

// As nodes write it in their logs; too large for the numbers of some JSON readers.
std::string ClusterName(std::uint64_t cluster_id) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(cluster_id));
  return text;
}

std::string Uptime(std::uint64_t milliseconds) {
  const std::uint64_t seconds = milliseconds / 1000;
  if (seconds < 60) {
    return std::to_string(seconds) + "s";
  }
  if (seconds < 3600) {
    return std::to_string(seconds / 60) + "m" + std::to_string(seconds % 60) + "s";
  }
  return std::to_string(seconds / 3600) + "h" + std::to_string(seconds / 60 % 60) + "m";
}

struct NodeStatus {
  std::uint64_t node = 0;
  std::string address;
  Reply<v1::GetStatusResponse> status;
};

// The node that answered, and all the members that it names, by id.
std::vector<NodeStatus> AskAll(const Dialogue& dialogue, const v1::GetStatusResponse& first) {
  std::vector<NodeStatus> nodes;
  for (const v1::Member& member : first.members()) {
    if (member.node_id() == first.node_id()) {
      nodes.push_back({member.node_id(), member.client_address(), first});
      continue;
    }
    nodes.push_back(
        {member.node_id(), member.client_address(),
         dialogue.client.Call(v1::GetStatusRequest(),
                              {.timeout = kStatusTimeout, .endpoint = member.client_address()})});
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const NodeStatus& a, const NodeStatus& b) { return a.node < b.node; });
  return nodes;
}

TextRow RowOf(const NodeStatus& node) {
  TextRow row{std::to_string(node.node), node.address};
  if (!node.status) {
    row.insert(row.end(), {"unreachable", "", "", "", "", ""});
    return row;
  }
  const v1::GetStatusResponse& status = *node.status;
  row.insert(row.end(), {status.failure().empty() ? RoleName(status.role()) : "stopped",
                         std::to_string(status.term()), std::to_string(status.commit_index()),
                         std::to_string(status.applied_index()),
                         std::to_string(status.durable_index()), Uptime(status.uptime_ms())});
  return row;
}

Json JsonOf(const NodeStatus& node) {
  Json json{
      {"node_id", node.node}, {"address", node.address}, {"reachable", node.status.has_value()}};
  if (!node.status) {
    json["error"] = node.status.error().Describe();
    return json;
  }
  const v1::GetStatusResponse& status = *node.status;
  json["role"] = RoleName(status.role());
  json["term"] = status.term();
  json["leader_id"] = status.leader_id();
  json["commit_index"] = status.commit_index();
  json["applied_index"] = status.applied_index();
  json["durable_index"] = status.durable_index();
  json["durability"] = status.durability();
  json["version"] = status.version();
  json["uptime_ms"] = status.uptime_ms();
  json["failure"] = status.failure();
  return json;
}

std::string StatusText(const v1::GetStatusResponse& first, const std::vector<NodeStatus>& nodes) {
  std::string text = "cluster " + ClusterName(first.cluster_id()) + ", " +
                     (first.leader_id() == 0 ? std::string("no leader is known")
                                             : "led by node " + std::to_string(first.leader_id())) +
                     ", acknowledges at durability '" + first.durability() + "', version " +
                     first.version() + "\n";
  std::vector<TextRow> rows{
      {"NODE", "ADDRESS", "ROLE", "TERM", "COMMIT", "APPLIED", "DURABLE", "UP"}};
  for (const NodeStatus& node : nodes) {
    rows.push_back(RowOf(node));
  }
  text += TextTable(rows);
  for (const NodeStatus& node : nodes) {
    if (!node.status) {
      text += "node " + std::to_string(node.node) + ": " + node.status.error().Describe() + "\n";
    } else if (!node.status->failure().empty()) {
      text += "node " + std::to_string(node.node) + " stopped: " + node.status->failure() + "\n";
    }
  }
  return text;
}

Json JsonOf(const v1::Member& member) {
  return {{"node_id", member.node_id()},
          {"learner", member.is_learner()},
          {"peer_address", member.peer_address()},
          {"client_address", member.client_address()},
          {"directory_id", member.directory_id()},
          {"match_index", member.match_index()},
          {"lag", member.lag()},
          {"active", member.is_active()},
          {"gets_snapshot", member.gets_snapshot()}};
}

template <typename Members>
std::string MembersText(const Dialogue& dialogue, const Members& members, std::uint64_t leader_id) {
  if (dialogue.is_json) {
    Json json = Json::array();
    for (const v1::Member& member : members) {
      json.push_back(JsonOf(member));
    }
    return JsonLine({{"leader_id", leader_id}, {"members", json}});
  }
  std::vector<TextRow> rows{
      {"NODE", "MEMBER", "CLIENTS", "PEERS", "MATCH", "LAG", "STATE", "DIRECTORY"}};
  for (const v1::Member& member : members) {
    const char* state = member.node_id() == leader_id ? "leads"
                        : member.gets_snapshot()      ? "gets snapshot"
                        : member.is_active()          ? "active"
                                                      : "silent";
    rows.push_back({std::to_string(member.node_id()), member.is_learner() ? "learner" : "voter",
                    member.client_address(), member.peer_address(),
                    std::to_string(member.match_index()), std::to_string(member.lag()), state,
                    member.directory_id()});
  }
  return TextTable(rows);
}

// A change of the cluster that answers with nothing but its success.
template <typename Request>
int Change(const Dialogue& dialogue, const Request& request, const std::string& done) {
  const auto response = dialogue.client.Call(request, dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  dialogue.Say(dialogue.is_json ? JsonLine({{"node_id", request.node_id()}}) : done + "\n");
  return kDone;
}

}  // namespace

int Status(const Dialogue& dialogue) {
  const Reply<v1::GetStatusResponse> first =
      dialogue.client.Call(v1::GetStatusRequest(), dialogue.options);
  if (!first) {
    return dialogue.Fail(first.error());
  }
  const std::vector<NodeStatus> nodes = AskAll(dialogue, *first);
  if (!dialogue.is_json) {
    dialogue.Say(StatusText(*first, nodes));
    return kDone;
  }
  Json list = Json::array();
  for (const NodeStatus& node : nodes) {
    list.push_back(JsonOf(node));
  }
  dialogue.Say(JsonLine({{"cluster_id", ClusterName(first->cluster_id())},
                         {"leader_id", first->leader_id()},
                         {"leader_address", first->leader_address()},
                         {"nodes", list}}));
  return kDone;
}

// The leader alone knows how far the others are.
int Members(const Dialogue& dialogue) {
  Reply<v1::GetStatusResponse> status =
      dialogue.client.Call(v1::GetStatusRequest(), dialogue.options);
  if (status && dialogue.options.endpoint.empty() && !status->leader_address().empty() &&
      status->leader_id() != status->node_id()) {
    Reply<v1::GetStatusResponse> leader = dialogue.client.Call(
        v1::GetStatusRequest(), {.timeout = kStatusTimeout, .endpoint = status->leader_address()});
    if (leader) {
      status = std::move(leader);
    }
  }
  if (!status) {
    return dialogue.Fail(status.error());
  }
  dialogue.Say(MembersText(dialogue, status->members(), status->leader_id()));
  return kDone;
}

int Transfer(const Dialogue& dialogue, std::uint64_t node) {
  v1::TransferLeadershipRequest request;
  request.set_node_id(node);
  const Reply<v1::TransferLeadershipResponse> response =
      dialogue.client.Call(request, dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  dialogue.Say(dialogue.is_json ? JsonLine({{"leader_id", response->leader_id()}})
                                : "node " + std::to_string(response->leader_id()) + " leads\n");
  return kDone;
}

int AddMember(const Dialogue& dialogue, const AddMemberArguments& arguments) {
  v1::AddMemberRequest request;
  request.set_node_id(arguments.node);
  request.set_peer_address(arguments.peer_address);
  request.set_client_address(arguments.client_address);
  request.set_directory_id(arguments.directory_id);
  const Reply<v1::AddMemberResponse> response = dialogue.client.Call(request, dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  dialogue.Say(dialogue.is_json ? JsonLine({{"cluster_id", ClusterName(response->cluster_id())},
                                            {"node_id", response->node_id()}})
                                : "node " + std::to_string(response->node_id()) +
                                      " follows without a vote; firn promote gives it one\n");
  return kDone;
}

int Promote(const Dialogue& dialogue, std::uint64_t node) {
  v1::PromoteMemberRequest request;
  request.set_node_id(node);
  return Change(dialogue, request, "node " + std::to_string(node) + " votes");
}

int RemoveMember(const Dialogue& dialogue, std::uint64_t node) {
  v1::RemoveMemberRequest request;
  request.set_node_id(node);
  return Change(dialogue, request, "node " + std::to_string(node) + " is no member any more");
}

}  // namespace firn::cli
