// SPDX-License-Identifier: Apache-2.0
#include "server/storage_service.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "firn/v1/storage.grpc.pb.h"
#include "server/operator_demand.h"
#include "server/unary_call.h"
#include "storage/version/table_meta.h"

namespace firn::server {
namespace {

using Ended = std::optional<Refusal>;

Ended Flush(Replica& replica, v1::FlushMemTableResponse& response) {
  const Result<FlushResult> flushed = replica.engine()->Flush();
  if (!flushed) {
    return RefusalOf(flushed.error());
  }
  if (flushed->table.entries > 0) {
    response.set_sstable(flushed->table.name);
    response.set_entries(flushed->table.entries);
    response.set_size_bytes(flushed->table.size_bytes);
  }
  return std::nullopt;
}

Ended Compact(Replica& replica, const v1::TriggerCompactionRequest& request,
              v1::TriggerCompactionResponse& response) {
  const auto asked = DemandOf(request);
  if (const auto* refusal = std::get_if<Refusal>(&asked)) {
    return *refusal;
  }
  const auto& demand = std::get<CompactionDemand>(asked);
  const std::shared_ptr<Engine> engine = replica.engine();
  const Result<CompactionResult> compacted =
      demand.all ? engine->CompactRange({}) : engine->CompactLevel(demand.level);
  if (!compacted) {
    return RefusalOf(compacted.error());
  }
  response.set_tables_read(compacted->tables_merged + compacted->tables_moved);
  response.set_tables_written(compacted->tables_written + compacted->tables_moved);
  response.set_bytes_read(compacted->bytes_read);
  response.set_bytes_written(compacted->bytes_written);
  return std::nullopt;
}

void AddStall(std::chrono::nanoseconds duration, const char* cause,
              v1::GetStorageStatsResponse& response) {
  v1::Stall& stall = *response.add_stalls();
  stall.set_cause(cause);
  stall.set_duration_us(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count()));
}

void DescribeStore(const Engine& engine, v1::GetStorageStatsResponse& response) {
  Describe(engine.GetStatistics(), response);
  response.set_space_amplification(SpaceAmplification(engine.Levels()));
  response.set_memory_budget(engine.parts().options.memory_budget_bytes);
}

}  // namespace

CallService MakeStorageService(const ServingNode& node) {
  using Storage = v1::StorageService::AsyncService;
  constexpr std::size_t kAhead = 2;
  const auto kind = [&node](Method method) { return UnaryCall::Kind{node, method}; };
  using FlushCall = TaskCall<v1::FlushMemTableRequest, v1::FlushMemTableResponse>;
  using CompactCall = TaskCall<v1::TriggerCompactionRequest, v1::TriggerCompactionResponse>;
  using LevelsCall = TaskCall<v1::GetLevelsRequest, v1::GetLevelsResponse>;
  using StatsCall = TaskCall<v1::GetStorageStatsRequest, v1::GetStorageStatsResponse>;
  const FlushCall::Task flush = [&node](const auto&, auto& response) {
    return Flush(node.replica, response);
  };
  const CompactCall::Task compact = [&node](const auto& request, auto& response) {
    return Compact(node.replica, request, response);
  };
  const LevelsCall::Task levels = [&node](const auto&, auto& response) {
    Describe(node.replica.engine()->Levels(), response);
    return Ended();
  };
  const StatsCall::Task stats = [&node](const auto&, auto& response) {
    DescribeStore(*node.replica.engine(), response);
    return Ended();
  };
  CallServiceBuilder<Storage> service;
  service
      .Add<FlushCall>(&Storage::RequestFlushMemTable, kAhead, kind(Method::kFlushMemTable),
                      FlushCall::Length::kChore, flush)
      .Add<CompactCall>(&Storage::RequestTriggerCompaction, kAhead,
                        kind(Method::kTriggerCompaction), CompactCall::Length::kChore, compact)
      .Add<LevelsCall>(&Storage::RequestGetLevels, kAhead, kind(Method::kGetLevels),
                       LevelsCall::Length::kShort, levels)
      .Add<StatsCall>(&Storage::RequestGetStorageStats, kAhead, kind(Method::kGetStorageStats),
                      StatsCall::Length::kShort, stats);
  return service.Build();
}

double SpaceAmplification(const std::vector<LevelInfo>& levels) {
  std::uint64_t total = 0;
  std::uint64_t deepest = 0;
  for (const LevelInfo& level : levels) {
    total += level.total_bytes;
    if (level.total_bytes > 0) {
      deepest = level.total_bytes;
    }
  }
  return deepest == 0 ? 1 : static_cast<double>(total) / static_cast<double>(deepest);
}

void Describe(const std::vector<LevelInfo>& levels, v1::GetLevelsResponse& response) {
  for (const LevelInfo& level : levels) {
    v1::Level& described = *response.add_levels();
    described.set_level(static_cast<std::uint32_t>(level.level));
    described.set_total_bytes(level.total_bytes);
    described.set_max_bytes(level.max_bytes);
    described.set_sorted(level.sorted);
    for (const TableInfo& table : level.tables) {
      v1::SSTable& sstable = *described.add_sstables();
      sstable.set_name(table.name);
      sstable.set_size_bytes(table.size_bytes);
      sstable.set_entries(table.entries);
      sstable.set_min_key(table.min_key);
      sstable.set_max_key(table.max_key);
    }
  }
}

void Describe(const Statistics& statistics, v1::GetStorageStatsResponse& response) {
  response.set_read_amplification(statistics.ReadAmplification());
  response.set_write_amplification(statistics.WriteAmplification());
  response.set_point_reads(statistics.gets);
  response.set_blocks_consulted(statistics.blocks_consulted);
  response.set_filter_checks(statistics.filter_checks);
  response.set_filter_rejections(statistics.filter_useful);
  response.set_filter_false_positives(statistics.filter_false_positives);
  response.set_cache_hits(statistics.cache_hits);
  response.set_cache_misses(statistics.cache_misses);
  response.set_memory_bytes(statistics.memtable_bytes + statistics.cache_bytes);
  AddStall(statistics.delay_memtables, "memtables", response);
  AddStall(statistics.delay_level0, "level 0", response);
  AddStall(statistics.delay_debt, "compaction debt", response);
}

}  // namespace firn::server
