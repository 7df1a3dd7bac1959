// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/engine.h"

namespace firn {
namespace {

std::uint64_t Value(const Counter& counter) { return counter.load(std::memory_order_relaxed); }

std::chrono::nanoseconds Duration(const Counter& counter) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(Value(counter)));
}

double Ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double Statistics::WriteAmplification() const {
  return Ratio(flush_bytes_written + compaction_bytes_written, user_bytes);
}

double Statistics::ReadAmplification() const { return Ratio(blocks_consulted, gets); }

std::string Describe(const Statistics& s) {
  std::string text;
  auto line = [&text](std::string_view name, const std::string& value) {
    text.append(name).append(": ").append(value).append("\n");
  };
  auto count = [&line](std::string_view name, std::uint64_t value) {
    line(name, std::to_string(value));
  };
  count("writes", s.writes);
  count("user_bytes", s.user_bytes);
  count("wal_bytes", s.wal_bytes);
  count("wal_syncs", s.wal_syncs);
  count("memtable_bytes", s.memtable_bytes);
  count("write_delays", s.write_delays);
  count("delay_memtables_ns", static_cast<std::uint64_t>(s.delay_memtables.count()));
  count("delay_level0_ns", static_cast<std::uint64_t>(s.delay_level0.count()));
  count("delay_debt_ns", static_cast<std::uint64_t>(s.delay_debt.count()));
  count("flushes", s.flushes);
  count("flush_bytes_written", s.flush_bytes_written);
  count("compactions", s.compactions);
  count("compactions_pending", s.compactions_pending);
  count("compaction_bytes_read", s.compaction_bytes_read);
  count("compaction_bytes_written", s.compaction_bytes_written);
  count("compaction_entries_dropped", s.compaction_entries_dropped);
  count("gets", s.gets);
  count("gets_found", s.gets_found);
  count("memtable_hits", s.memtable_hits);
  count("filter_checks", s.filter_checks);
  count("filter_useful", s.filter_useful);
  count("filter_false_positives", s.filter_false_positives);
  count("blocks_consulted", s.blocks_consulted);
  count("cache_hits", s.cache_hits);
  count("cache_misses", s.cache_misses);
  count("cache_bytes", s.cache_bytes);
  count("table_bytes_read", s.table_bytes_read);
  line("write_amplification", std::to_string(s.WriteAmplification()));
  line("read_amplification", std::to_string(s.ReadAmplification()));
  return text;
}

Statistics Engine::GetStatistics() const {
  Statistics s;
  const WriteCounters& writes = parts_.write_counters;
  s.writes = Value(writes.writes);
  s.user_bytes = Value(writes.user_bytes);
  const LogCounters log = write_path_.log_counters();
  s.wal_bytes = log.appended_bytes;
  s.wal_syncs = log.syncs;
  const std::shared_ptr<const View> view = CurrentViewReference();
  s.memtable_bytes = view->active->memory_bytes() + parts_.chunks->held_bytes();
  for (const FrozenMemtable& frozen : view->frozen_newest_first) {
    s.memtable_bytes += frozen.memtable->memory_bytes();
  }
  s.write_delays = Value(writes.delays);
  s.delay_memtables = Duration(writes.delay_memtables_ns);
  s.delay_level0 = Duration(writes.delay_level0_ns);
  s.delay_debt = Duration(writes.delay_debt_ns);

  const BackgroundCounters& background = parts_.background_counters;
  s.flushes = Value(background.flushes);
  s.flush_bytes_written = Value(background.flush_bytes_written);
  s.compactions = Value(background.compactions);
  s.compactions_pending = compactor_.pending();
  s.compaction_bytes_read = Value(background.compaction_bytes_read);
  s.compaction_bytes_written = Value(background.compaction_bytes_written);
  s.compaction_entries_dropped = Value(background.compaction_entries_dropped);

  const ReadCounters& reads = parts_.read_counters;
  s.gets = reads.Sum(ReadEvent::kGets);
  s.gets_found = reads.Sum(ReadEvent::kGetsFound);
  s.memtable_hits = reads.Sum(ReadEvent::kMemtableHits);
  const TableCounters& tables = parts_.cache->counters();
  s.filter_checks = tables.Sum(TableCounter::kFilterChecks);
  s.filter_useful = tables.Sum(TableCounter::kFilterUseful);
  s.filter_false_positives = tables.Sum(TableCounter::kFilterFalsePositives);
  s.blocks_consulted = tables.Sum(TableCounter::kBlocksSearched);
  s.cache_hits = tables.Sum(TableCounter::kCacheHits);
  s.cache_misses = tables.Sum(TableCounter::kCacheMisses);
  s.table_bytes_read = tables.Sum(TableCounter::kFileBytesRead);
  s.cache_bytes = parts_.cache->used_bytes();
  return s;
}

std::vector<LevelInfo> Engine::Levels() const {
  const std::shared_ptr<const Version> version = CurrentViewReference()->version;
  std::vector<LevelInfo> levels;
  for (int level = 0; level < kLevelCount; ++level) {
    LevelInfo info{.level = level,
                   .tables = {},
                   .total_bytes = version->bytes(level),
                   .max_bytes = parts_.limits.MaxBytes(level),
                   .sorted = level > 0};
    for (const auto& table : version->tables(level)) {
      info.tables.push_back(InfoOf(table->meta()));
    }
    levels.push_back(std::move(info));
  }
  for (const auto& table : version->empty_tables()) {
    levels[0].tables.push_back(InfoOf(table->meta()));
    levels[0].total_bytes += table->meta().bytes();
  }
  return levels;
}

}  // namespace firn
