// SPDX-License-Identifier: Apache-2.0
//
// Every counter of firn::Statistics under its own name, in the order of its members.
#include "node/handlers.h"

namespace firn::node {
namespace {

void DescribeWrites(const Statistics& s, JsonWriter& reply) {
  auto nanoseconds = [&reply](std::string_view name, std::chrono::nanoseconds duration) {
    reply.Integer(name, static_cast<std::uint64_t>(duration.count()));
  };
  reply.Integer("writes", s.writes);
  reply.Integer("user_bytes", s.user_bytes);
  reply.Integer("wal_bytes", s.wal_bytes);
  reply.Integer("wal_syncs", s.wal_syncs);
  reply.Integer("memtable_bytes", s.memtable_bytes);
  reply.Integer("write_delays", s.write_delays);
  nanoseconds("delay_memtables_ns", s.delay_memtables);
  nanoseconds("delay_level0_ns", s.delay_level0);
  nanoseconds("delay_debt_ns", s.delay_debt);
}

void DescribeBackground(const Statistics& s, JsonWriter& reply) {
  reply.Integer("flushes", s.flushes);
  reply.Integer("flush_bytes_written", s.flush_bytes_written);
  reply.Integer("compactions", s.compactions);
  reply.Integer("compactions_pending", s.compactions_pending);
  reply.Integer("compaction_bytes_read", s.compaction_bytes_read);
  reply.Integer("compaction_bytes_written", s.compaction_bytes_written);
  reply.Integer("compaction_entries_dropped", s.compaction_entries_dropped);
}

void DescribeReads(const Statistics& s, JsonWriter& reply) {
  reply.Integer("gets", s.gets);
  reply.Integer("gets_found", s.gets_found);
  reply.Integer("memtable_hits", s.memtable_hits);
  reply.Integer("filter_checks", s.filter_checks);
  reply.Integer("filter_useful", s.filter_useful);
  reply.Integer("filter_false_positives", s.filter_false_positives);
  reply.Integer("blocks_consulted", s.blocks_consulted);
  reply.Integer("cache_hits", s.cache_hits);
  reply.Integer("cache_misses", s.cache_misses);
  reply.Integer("cache_bytes", s.cache_bytes);
  reply.Integer("table_bytes_read", s.table_bytes_read);
}

}  // namespace

void AddStatisticsHandlers(Node& node, Engine& engine) {
  node.On("stats", [&engine](const Request&, JsonWriter& reply) -> Result<void> {
    const Statistics statistics = engine.GetStatistics();
    DescribeWrites(statistics, reply);
    DescribeBackground(statistics, reply);
    DescribeReads(statistics, reply);
    reply.Real("write_amplification", statistics.WriteAmplification());
    reply.Real("read_amplification", statistics.ReadAmplification());
    return {};
  });
}

}  // namespace firn::node
