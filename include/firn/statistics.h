// SPDX-License-Identifier: Apache-2.0
//
// What the engine did and what it holds, as plain values. Counters start at zero when the database
// is opened and are counted where the work happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace firn {

struct TableInfo {
  std::string name;  // "L0_001.sst": a file in the database directory.
  std::uint64_t size_bytes = 0;
  std::uint64_t entries = 0;  // Versions and tombstones included.
  std::string min_key;
  std::string max_key;
};

struct LevelInfo {
  int level = 0;
  std::vector<TableInfo> tables;  // Level 0 newest first, others in key order.
  std::uint64_t total_bytes = 0;
  std::uint64_t max_bytes = 0;  // The size above which the level is compacted.
  bool sorted = false;          // Whether at most one table can hold a key. False for level 0.
};

// What a compaction did; zeros when there was nothing to do.
struct CompactionResult {
  std::uint64_t tables_merged = 0;
  std::uint64_t tables_written = 0;
  std::uint64_t tables_moved = 0;  // Passed down without rewriting.
  std::uint64_t entries_dropped = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
};

// The table that a Flush wrote.
struct FlushResult {
  TableInfo table;
  std::uint64_t filter_bits = 0;
};

struct Statistics {
  // Writes.
  std::uint64_t writes = 0;          // Batches and single operations acknowledged.
  std::uint64_t user_bytes = 0;      // Keys and values of those.
  std::uint64_t wal_bytes = 0;       // Bytes appended to the log.
  std::uint64_t wal_syncs = 0;       // fdatasync calls on it.
  std::uint64_t memtable_bytes = 0;  // Held by memtables and for the next ones now.
  std::uint64_t write_delays = 0;    // Writes that were slowed or stopped, and for how long in all:
  std::chrono::nanoseconds delay_memtables{0};  // because flushes were behind,
  std::chrono::nanoseconds delay_level0{0};     // because level 0 was behind,
  std::chrono::nanoseconds delay_debt{0};       // because deeper levels were behind.

  // Background.
  std::uint64_t flushes = 0;
  std::uint64_t flush_bytes_written = 0;
  std::uint64_t compactions = 0;
  std::uint64_t compactions_pending = 0;
  std::uint64_t compaction_bytes_read = 0;
  std::uint64_t compaction_bytes_written = 0;
  std::uint64_t compaction_entries_dropped = 0;

  // Reads.
  std::uint64_t gets = 0;
  std::uint64_t gets_found = 0;
  std::uint64_t memtable_hits = 0;
  std::uint64_t filter_checks = 0;
  std::uint64_t filter_useful = 0;           // A table was ruled out.
  std::uint64_t filter_false_positives = 0;  // It was not, and the key was not there.
  std::uint64_t blocks_consulted = 0;        // Data blocks searched by point reads.
  std::uint64_t cache_hits = 0;
  std::uint64_t cache_misses = 0;
  std::uint64_t cache_bytes = 0;  // Held now.
  std::uint64_t table_bytes_read = 0;

  // Bytes written to tables for each byte the user wrote; 0 before the first.
  double WriteAmplification() const;
  // Data blocks searched for each point read; 0 before the first.
  double ReadAmplification() const;
};

// One counter a line, "name: value", in the order of the members.
std::string Describe(const Statistics& statistics);

}  // namespace firn
#pragma GCC visibility pop
