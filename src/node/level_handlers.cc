// SPDX-License-Identifier: Apache-2.0
//
// The tree as a whole: its levels, reads through them, compactions.
#include "base/propagate.h"
#include "node/handlers.h"

namespace firn::node {
namespace {

void DescribeLevels(const Engine& engine, JsonWriter& reply) {
  reply.BeginArray("levels");
  for (const LevelInfo& level : engine.Levels()) {
    reply.BeginObject();
    reply.Integer("level", static_cast<std::uint64_t>(level.level));
    reply.Integer("sstables", level.tables.size());
    reply.Integer("total_bytes", level.total_bytes);
    reply.Boolean("sorted", level.sorted);
    reply.Integer("max_bytes", level.max_bytes);
    reply.EndObject();
  }
  reply.EndArray();
}

Result<void> Read(const Engine& engine, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::string_view key, request.Key());
  FIRN_TRY_ASSIGN(const TracedRead read, engine.Get(key, {}));
  TextOrNull(reply, "value", read.value);
  // A deletion settles the read where it stands, but the key was not found there.
  TextOrNull(reply, "found_at", read.value ? std::optional(PlaceOf(read.trace)) : std::nullopt);
  reply.Integer("levels_checked", static_cast<std::uint64_t>(read.trace.levels_checked));
  return {};
}

Result<void> Compact(Engine& engine, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::uint64_t source,
                  request.Integer("source_level", {.min = 0, .max = kLevelCount - 2}));
  FIRN_TRY_ASSIGN(const std::uint64_t target,
                  request.Integer("target_level", {.min = 1, .max = kLevelCount - 1}));
  if (target != source + 1) {
    return Error{ErrorCode::kInvalidArgument, "field target_level is " + std::to_string(target) +
                                                  " want " + std::to_string(source + 1)};
  }
  FIRN_TRY_ASSIGN(const CompactionResult result, engine.CompactLevel(static_cast<int>(source)));
  // A table that is passed down unread is one that went in and one that came out.
  reply.Integer("sstables_merged", result.tables_merged + result.tables_moved);
  reply.Integer("new_sstables", result.tables_written + result.tables_moved);
  reply.Integer("keys_deduplicated", result.entries_dropped);
  reply.Integer("bytes_read", result.bytes_read);
  reply.Integer("bytes_written", result.bytes_written);
  reply.Real("write_amplification", engine.GetStatistics().WriteAmplification());
  return {};
}

void DescribeCompactions(const Engine& engine, JsonWriter& reply) {
  const Statistics statistics = engine.GetStatistics();
  reply.Integer("pending_compactions", statistics.compactions_pending);
  reply.Integer("total_compactions", statistics.compactions);
  reply.Integer("total_bytes_compacted", statistics.compaction_bytes_written);
}

}  // namespace

void AddLevelHandlers(Node& node, Engine& engine) {
  node.On("lsm_level_info", [&engine](const Request&, JsonWriter& reply) -> Result<void> {
    DescribeLevels(engine, reply);
    return {};
  });
  node.On("lsm_read", [&engine](const Request& request, JsonWriter& reply) {
    return Read(engine, request, reply);
  });
  node.On("lsm_compact", [&engine](const Request& request, JsonWriter& reply) {
    return Compact(engine, request, reply);
  });
  node.On("lsm_compact_status", [&engine](const Request&, JsonWriter& reply) -> Result<void> {
    DescribeCompactions(engine, reply);
    return {};
  });
}

}  // namespace firn::node
