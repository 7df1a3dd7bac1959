// SPDX-License-Identifier: Apache-2.0
//
// Everything that can be set. Each option has a unit, a default that works, and one sentence that
// says when to change it. Unknown or contradictory values are errors at Database::Open that name
// the option; nothing is clamped silently.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace firn {

class Snapshot;

// What an acknowledged write survives.
enum class Durability : std::uint8_t {
  kProcess,  // The end of the process, kill -9 included. Power loss may take the last
             // sync_interval.
  kDisk,     // Power loss too. It makes every earlier write as durable as itself.
};

// How the bytes of the write-ahead log reach the file.
enum class WalAppend : std::uint8_t {
  kAuto,    // kMapped where the file system is known to be safe for it, else kWrite.
  kWrite,   // One system call for each group of writes. Safe on every file system.
  kMapped,  // Stores into a mapping of the file: no system call for a write that is small and needs
            // no sync.
};

enum class Compression : std::uint8_t {
  kNone,  // Fastest reads when everything is cached and values do not compress.
  kLz4,   // Nearly free to read; a third to a half smaller on text.
  kZstd,  // Smallest; three to five times the CPU of LZ4 to write.
};

struct Options {
  // Make a database where none exists. Turn off when a missing one means a wrong path.
  bool create_if_missing = true;

  // Refuse to open one that exists. Turn on to be sure of an empty start.
  bool error_if_exists = false;

  // Open without LOCK, without background work, and without changing a byte. Turn on to look at a
  // copy or a checkpoint; a live database needs a checkpoint first.
  bool read_only = false;

  // Bytes of memory for memtables, cached blocks, filters and indexes together. The process may use
  // a quarter more in moments of change. Raise it first when reads miss the cache.
  std::size_t memory_budget_bytes = std::size_t{256} << 20;

  // Bytes a memtable holds before it is frozen and written as a table; at most a quarter of the
  // budget. Raise it to write less to disk in all, lower it for many small databases.
  std::size_t memtable_bytes = std::size_t{64} << 20;

  // What a write survives when its WriteOptions do not say. Raise to kDisk when losing the last
  // tenth of a second in a power loss matters.
  Durability durability = Durability::kProcess;

  // Longest time that a kProcess write waits for a sync of its own accord; 0 leaves it to the
  // operating system. Raise it to spare a slow disk.
  std::chrono::milliseconds sync_interval{100};

  // Keep a write-ahead log. Turn off only when another log can repeat what was not flushed, as a
  // replica's does; then only Flush, Close and a full memtable make writes durable.
  bool wal = true;

  // How log bytes reach the file. Change it to kWrite on storage that can shrink under the file.
  WalAppend wal_append = WalAppend::kAuto;

  // Codec of data blocks; a block that does not shrink by an eighth is stored as it is.
  Compression compression = Compression::kLz4;

  // About how many bytes a data block has before compression, 1 KiB to 1 MiB. Raise it for scans
  // and better compression, lower it for point reads from a slow disk.
  std::size_t block_bytes = 8 << 10;

  // Bloom filter bits for each key, 0 (none) to 32. At 10 about one absent key in a hundred costs a
  // block read in each table that might hold it.
  unsigned bloom_bits_per_key = 10;

  // Bytes of a table written by compaction, 4 KiB to 1 GiB. Lower it when single compactions hurt.
  std::size_t table_bytes = std::size_t{64} << 20;

  // Tables in level 0 at which they are merged into level 1. Lower it when point reads of recent
  // data dominate, raise it when writes do.
  unsigned level0_tables_max = 12;

  // Bytes in level 0 at which it is merged into level 1. 0 stands for the larger of 80 MiB and
  // eight memtables.
  std::uint64_t level0_bytes_max = 0;

  // Bytes in level 1 above which its tables move down. 0 stands for twice level 0. Raise it to keep
  // more in one sorted run, lower it to write less: all of level 1 is rewritten each time level 0
  // is full.
  std::uint64_t level1_bytes_max = 0;

  // How many times larger each deeper level is than the one above it, 2 to 100. Lower it to read
  // fewer old bytes in a compaction at the price of more levels.
  unsigned level_ratio = 10;

  // Merge tables in the background without being asked. Turn off for bulk loads that end in
  // CompactRange, and in tests.
  bool auto_compaction = true;

  // While nobody writes, merge level 0 before it is full, where that is cheap, and what deletes
  // much, so that reads find fewer tables and space comes free. Turn off where the writes that it
  // costs a disk matter more.
  bool compact_when_idle = true;
};

struct WriteOptions {
  // Overrides Options::durability for this write.
  std::optional<Durability> durability;

  // Where this write stands in the log that replaces the WAL. Only with Options::wal off; must not
  // decrease. The largest one whose write is in tables is Database::AppliedIndex.
  std::optional<std::uint64_t> applied_index;
};

struct ReadOptions {
  // Read as of this snapshot; null reads the latest state. Must be of the same database.
  const Snapshot* snapshot = nullptr;

  // Keep the blocks that this read had to fetch. Turn off for reads that will not come again.
  bool fill_cache = true;
};

struct ScanOptions {
  // First key of the range, included. Empty starts at the first key of all.
  std::string lower;

  // End of the range, excluded. Without a value it runs to the last key of all.
  std::optional<std::string> upper;

  // Shorthand for the bounds that hold exactly the keys with this prefix. Not with lower or upper.
  std::string prefix;

  // Let the range form of a scan run from the last key to the first.
  bool reverse = false;

  const Snapshot* snapshot = nullptr;
  bool fill_cache = true;
};

}  // namespace firn
#pragma GCC visibility pop
