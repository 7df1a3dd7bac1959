// SPDX-License-Identifier: Apache-2.0
//
// Names follow Prometheus' rules, which promtool checks in a test: base units, counters that end in
// _total, a help text for each. A metric with labels lists every value of them from the start, so
// that a first failure shows as an increase.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

#include "server/http/node_report.h"

namespace firn::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

class Families {
 public:
  void Counter(std::string name, std::string help) {
    families_.push_back({std::move(name), std::move(help), MetricType::Counter, {}});
  }
  void Gauge(std::string name, std::string help) {
    families_.push_back({std::move(name), std::move(help), MetricType::Gauge, {}});
  }
  // Of the family named last.
  template <typename Number>
  void Sample(Number number, Labels labels = {}) {
    MetricFamily& family = families_.back();
    ClientMetric metric;
    metric.label = std::move(labels);
    const auto value = static_cast<double>(number);
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
  }
  template <typename Number>
  void Counter(std::string name, std::string help, Number number) {
    Counter(std::move(name), std::move(help));
    Sample(number);
  }
  template <typename Number>
  void Gauge(std::string name, std::string help, Number number) {
    Gauge(std::move(name), std::move(help));
    Sample(number);
  }

  std::string Text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  std::vector<MetricFamily> families_;
};

void AddNode(Families& all, const NodeReport& report) {
  all.Gauge("firn_info", "Always 1; who this is.");
  all.Sample(1, {{"version", report.version},
                 {"cluster", FormatId(report.identity.cluster)},
                 {"node", std::to_string(report.identity.node.value)},
                 {"durability", report.durability}});
  all.Gauge("firn_uptime_seconds", "Since the node was started.", report.uptime.count());
  all.Gauge("firn_ready", "1 while the node should be sent requests.",
            WhyNotReady(report).empty() ? 1 : 0);
  all.Gauge("firn_failed", "1 once the node has stopped taking part.",
            report.replica.failure ? 1 : 0);
}

void AddRaft(Families& all, const ReplicaStatus& replica) {
  const RaftRole role = replica.raft.role;
  all.Gauge("firn_raft_leader", "1 on the node that leads.", role == RaftRole::kLeader ? 1 : 0);
  all.Gauge("firn_raft_leader_known", "1 while a leader is known.",
            replica.raft.leader == NodeId{} ? 0 : 1);
  all.Gauge("firn_raft_term", "Term of Raft.", replica.raft.hard.term.value);
  all.Gauge("firn_raft_commit_index", "Last entry known to be committed.",
            replica.raft.hard.commit.value);
  all.Gauge("firn_raft_durable_index", "Last entry synced on this node.", replica.durable.value);
  all.Gauge("firn_raft_applied_index", "Last entry applied on this node.", replica.applied.value);
  all.Gauge("firn_raft_waiting_bytes", "Commands taken and not applied yet.",
            replica.waiting_bytes);
  all.Gauge("firn_raft_write_overdue_ticks", "For how long a write to the log has not returned.",
            replica.write_overdue_ticks);
  all.Gauge("firn_raft_members", "Members, by what they are.");
  std::uint64_t learners = 0;
  for (const MemberStatus& member : replica.members) {
    learners += member.is_learner ? 1 : 0;
  }
  all.Sample(replica.members.size() - learners, {{"kind", "voter"}});
  all.Sample(learners, {{"kind", "learner"}});
  if (role != RaftRole::kLeader) {
    return;
  }
  all.Gauge("firn_raft_member_match_index", "Last entry a member has written, by its leader.");
  for (const MemberStatus& member : replica.members) {
    all.Sample(member.match.value, {{"member", std::to_string(member.id.value)}});
  }
}

void AddWrites(Families& all, const Statistics& engine) {
  all.Counter("firn_engine_writes_total", "Batches and single operations applied.", engine.writes);
  all.Counter("firn_engine_user_bytes_total", "Keys and values of those.", engine.user_bytes);
  all.Gauge("firn_engine_memtable_bytes", "Held by memtables.", engine.memtable_bytes);
  all.Counter("firn_engine_write_delays_total", "Writes that were slowed or stopped.",
              engine.write_delays);
  all.Counter("firn_engine_write_delay_seconds_total", "For how long in all, by cause.");
  all.Sample(Seconds(engine.delay_memtables), {{"cause", "memtables"}});
  all.Sample(Seconds(engine.delay_level0), {{"cause", "level0"}});
  all.Sample(Seconds(engine.delay_debt), {{"cause", "debt"}});
  all.Counter("firn_engine_flushes_total", "Memtables written to tables.", engine.flushes);
  all.Counter("firn_engine_flush_written_bytes_total", "Bytes of those tables.",
              engine.flush_bytes_written);
  all.Counter("firn_engine_compactions_total", "Compactions done.", engine.compactions);
  all.Gauge("firn_engine_compactions_pending", "Compactions that are due.",
            engine.compactions_pending);
  all.Counter("firn_engine_compaction_read_bytes_total", "Read by compactions.",
              engine.compaction_bytes_read);
  all.Counter("firn_engine_compaction_written_bytes_total", "Written by compactions.",
              engine.compaction_bytes_written);
  all.Counter("firn_engine_compaction_dropped_entries_total", "Versions and tombstones dropped.",
              engine.compaction_entries_dropped);
}

void AddReads(Families& all, const Statistics& engine) {
  all.Counter("firn_engine_gets_total", "Point reads.", engine.gets);
  all.Counter("firn_engine_gets_found_total", "Point reads that found the key.", engine.gets_found);
  all.Counter("firn_engine_memtable_hits_total", "Point reads answered by memtables.",
              engine.memtable_hits);
  all.Counter("firn_engine_filter_checks_total", "Tables asked by their filter.",
              engine.filter_checks);
  all.Counter("firn_engine_filter_useful_total", "Tables ruled out by their filter.",
              engine.filter_useful);
  all.Counter("firn_engine_filter_false_positives_total",
              "Tables not ruled out that did not have the key.", engine.filter_false_positives);
  all.Counter("firn_engine_blocks_consulted_total", "Data blocks searched by point reads.",
              engine.blocks_consulted);
  all.Counter("firn_engine_cache_hits_total", "Blocks found in the cache.", engine.cache_hits);
  all.Counter("firn_engine_cache_misses_total", "Blocks not found in the cache.",
              engine.cache_misses);
  all.Gauge("firn_engine_cache_bytes", "Held by the cache.", engine.cache_bytes);
  all.Counter("firn_engine_table_read_bytes_total", "Read from tables.", engine.table_bytes_read);
}

void AddLevels(Families& all, const std::vector<LevelInfo>& levels) {
  all.Gauge("firn_engine_level_tables", "Tables of a level.");
  for (const LevelInfo& level : levels) {
    all.Sample(level.tables.size(), {{"level", std::to_string(level.level)}});
  }
  all.Gauge("firn_engine_level_bytes", "Bytes of a level's tables.");
  for (const LevelInfo& level : levels) {
    all.Sample(level.total_bytes, {{"level", std::to_string(level.level)}});
  }
}

template <typename Cause, std::size_t Count>
void AddByCause(Families& all, const std::array<std::uint64_t, Count>& counts,
                const Labels& labels = {}, std::size_t first = 0) {
  for (std::size_t i = 0; i < Count; ++i) {
    Labels with_cause = labels;
    with_cause.push_back({"cause", std::string(Name(static_cast<Cause>(i + first)))});
    all.Sample(counts[i], std::move(with_cause));
  }
}

void AddPeers(Families& all, const PeerTransportStatistics& peers) {
  const Labels incoming{{"direction", "incoming"}};
  const Labels outgoing{{"direction", "outgoing"}};
  all.Gauge("firn_peer_connections", "Open connections between nodes.");
  all.Sample(peers.incoming_open, incoming);
  all.Sample(peers.outgoing_open, outgoing);
  all.Gauge("firn_peer_handshakes", "Connections accepted from nodes and not open yet.",
            peers.incoming_handshakes);
  all.Counter("firn_peer_dials_total", "Attempts to connect to nodes.", peers.dials);
  all.Counter("firn_peer_accepted_total", "Connections accepted.", peers.accepted);
  all.Counter("firn_peer_accept_failures_total", "Connections that could not be accepted.",
              peers.accept_failures);
  all.Counter("firn_peer_messages_total", "Messages between nodes.");
  all.Sample(peers.frames_received, incoming);
  all.Sample(peers.frames_sent, outgoing);
  all.Counter("firn_peer_bytes_total", "Bytes between nodes, before TLS.");
  all.Sample(peers.bytes_received, incoming);
  all.Sample(peers.bytes_sent, outgoing);
  all.Counter("firn_peer_dropped_messages_total", "Messages not sent, by cause.");
  AddByCause<DropCause>(all, peers.drops);
  all.Counter("firn_peer_lost_connections_total", "Open connections that ended, by cause.");
  AddByCause<LossCause>(all, peers.losses);
  all.Counter("firn_peer_refused_handshakes_total", "Handshakes that failed, by cause.");
  AddByCause<Refusal>(all, peers.refused_incoming, incoming, 1);
  AddByCause<Refusal>(all, peers.refused_outgoing, outgoing, 1);
}

void AddRpc(Families& all, const RpcCounters& rpc) {
  all.Counter("firn_client_connections_accepted_total", "Connections of clients accepted.",
              rpc.connections_accepted);
  all.Counter("firn_client_connections_refused_total", "Connections of clients refused.",
              rpc.connections_refused);
  if (rpc.calls.empty()) {
    return;
  }
  all.Counter("firn_client_calls_total", "Calls of clients, by method and status.");
  for (const auto& [call, count] : rpc.calls) {
    all.Sample(count, {{"method", call.first}, {"status", call.second}});
  }
}

}  // namespace

std::string RenderMetrics(const NodeReport& report) {
  Families all;
  AddNode(all, report);
  AddRaft(all, report.replica);
  AddWrites(all, report.engine);
  AddReads(all, report.engine);
  AddLevels(all, report.levels);
  if (report.peers) {
    AddPeers(all, *report.peers);
  }
  AddRpc(all, report.rpc);
  return all.Text();
}

}  // namespace firn::server
