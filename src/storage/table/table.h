// SPDX-License-Identifier: Apache-2.0
//
// A table (SSTable): an immutable file of sorted entries that needs nothing but itself to be read
// (docs/format/table.md). Open keeps its index and filter in memory, flat; data blocks come and go
// through the block cache. Every byte is checked by a checksum when it enters memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "firn/result.h"
#include "io/file_system.h"
#include "storage/entry.h"
#include "storage/table/block_cache.h"

namespace firn {

// Counted where the work happens; relaxed, one per database.
struct TableCounters;

// What a table says of itself; also all that planning needs, so a copy stands in the manifest.
struct TableProperties {
  std::uint64_t entry_count = 0;
  std::uint64_t tombstone_count = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t block_count = 0;
  std::uint64_t filter_bits = 0;
  std::uint64_t file_bytes = 0;
  SequenceNumber smallest_sequence;
  SequenceNumber largest_sequence;
  std::string smallest_key;  // Both empty when there are no entries.
  std::string largest_key;
};

// How one point read went, for replies and counters.
struct TableReadTrace {
  bool filter_checked = false;
  bool filter_excluded = false;
  std::uint32_t blocks_searched = 0;
  std::uint32_t file_reads = 0;
};

class Table : public std::enable_shared_from_this<Table> {
 public:
  // `name` is the file's name, for messages. Reads footer, properties, index and filter: kCorruption
  // names the file and the offset, kUnsupported the version or feature that is unknown.
  static Result<std::shared_ptr<const Table>> Open(FileSystem& files, const std::string& path,
                                                   std::shared_ptr<BlockCache> cache);
  ~Table();  // Takes its blocks out of the cache.

  // The newest version at or below the lookup's sequence. Runs under the reader's epoch guard for as
  // long as blocks are cached and leaves it for a disk read (see ReadScope). The value holds while
  // the scope does.
  Result<Found> Find(const Lookup& lookup, ReadScope& scope, TableReadTrace& trace) const;

  // Checks every block. Returns the bytes read.
  Result<std::uint64_t> Verify() const;

  const TableProperties& properties() const;
  // Index and filter, charged to the memory budget.
  std::size_t resident_bytes() const;

  class Cursor;
  class Scan;
};

}  // namespace firn
