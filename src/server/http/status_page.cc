// SPDX-License-Identifier: Apache-2.0
#include "node/json_writer.h"
#include "server/http/node_report.h"

namespace firn::server {
namespace {

void WriteMember(node::JsonWriter& json, const MemberStatus& member, bool is_leaders_view) {
  json.BeginObject();
  json.Integer("id", member.id.value);
  json.Text("directory", member.member.directory);
  json.Text("peer_address", member.member.peer_address);
  json.Text("client_address", member.member.client_address);
  json.Boolean("is_learner", member.is_learner);
  if (is_leaders_view) {
    json.Integer("match", member.match.value);
    json.Boolean("is_active", member.is_active);
    json.Boolean("gets_snapshot", member.gets_snapshot);
  }
  json.EndObject();
}

void WriteRaft(node::JsonWriter& json, const ReplicaStatus& replica) {
  json.Text("role", Name(replica.raft.role));
  json.Integer("term", replica.raft.hard.term.value);
  json.Integer("leader", replica.raft.leader.value);
  json.Integer("commit", replica.raft.hard.commit.value);
  json.Integer("durable", replica.durable.value);
  json.Integer("applied", replica.applied.value);
  json.Text("checksum", FormatId(replica.checksum));
  json.Integer("waiting_bytes", replica.waiting_bytes);
  if (replica.failure) {
    json.Text("failure", replica.failure->Describe());
  } else {
    json.Null("failure");
  }
  json.BeginArray("members");
  for (const MemberStatus& member : replica.members) {
    WriteMember(json, member, replica.raft.role == RaftRole::kLeader);
  }
  json.EndArray();
}

void WriteLevels(node::JsonWriter& json, const std::vector<LevelInfo>& levels) {
  json.BeginArray("levels");
  for (const LevelInfo& level : levels) {
    json.BeginObject();
    json.SignedInteger("level", level.level);
    json.Integer("tables", level.tables.size());
    json.Integer("total_bytes", level.total_bytes);
    json.Integer("max_bytes", level.max_bytes);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string WhyNotReady(const NodeReport& report) {
  if (report.replica.failure) {
    return "the node has stopped taking part: " + report.replica.failure->Describe();
  }
  if (report.is_draining) {
    return "the node is draining";
  }
  if (report.replica.raft.leader == NodeId{}) {
    return "no leader is known";
  }
  return {};
}

std::string RenderStatus(const NodeReport& report) {
  std::string text;
  node::JsonWriter json(text);
  json.BeginObject();
  json.Text("version", report.version);
  json.Text("cluster", FormatId(report.identity.cluster));
  json.Integer("node", report.identity.node.value);
  json.Text("directory", FormatId(report.identity.directory));
  json.Text("durability", report.durability);
  json.SignedInteger("uptime_seconds", report.uptime.count());
  const std::string reason = WhyNotReady(report);
  json.Boolean("is_ready", reason.empty());
  json.Text("reason", reason);
  WriteRaft(json, report.replica);
  WriteLevels(json, report.levels);
  json.Real("write_amplification", report.engine.WriteAmplification());
  json.Real("read_amplification", report.engine.ReadAmplification());
  json.EndObject();
  text += '\n';
  return text;
}

}  // namespace firn::server
