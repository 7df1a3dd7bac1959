// SPDX-License-Identifier: Apache-2.0
//
// A table (SSTable): an immutable file of sorted entries that needs nothing but itself to be read
// (docs/format/table.md). Open keeps its index and filter in memory, flat; data blocks come and go
// through the block cache. Every byte is checked by a checksum when it enters memory.
//
// Point reads are Table::Find, ordered ones Table::Cursor (table_cursor.h), compactions read with
// Table::Scan (table_scan.h). A table is thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "firn/result.h"
#include "io/file_system.h"
#include "storage/entry.h"
#include "storage/read_scope.h"
#include "storage/table/block_cache.h"
#include "storage/table/block_reader.h"
#include "storage/table/bloom_filter.h"
#include "storage/table/table_index.h"
#include "storage/table/table_properties.h"

namespace firn {

// How one point read went, for replies. Adds up over the tables of a read.
struct TableReadTrace {
  bool filter_checked = false;
  bool filter_excluded = false;  // The last table was ruled out.
  std::uint32_t blocks_searched = 0;
  std::uint32_t file_reads = 0;
};

class Table : public std::enable_shared_from_this<Table> {
 public:
  // The last part of `path` is the table's name in messages. Reads footer, properties, index and
  // filter: kCorruption names the file and the offset, kUnsupported the version or feature that is
  // unknown.
  static Result<std::shared_ptr<const Table>> Open(FileSystem& files, const std::string& path,
                                                   std::shared_ptr<BlockCache> cache);
  ~Table();  // Takes its blocks out of the cache. Not under an EpochGuard.

  // The newest version at or below the lookup's sequence. Runs under the reader's epoch guard for
  // as long as blocks are cached and leaves it for a disk read (see ReadScope). The value holds
  // while the scope does and no other is found through it.
  Result<Found> Find(const Lookup& lookup, ReadScope& scope, TableReadTrace& trace) const;
  // The same in two steps, for a key between the smallest and the largest. The first asks for the
  // memory that the second looks at, in filter, index and slots, so that a read waits for all of it
  // at once, and for that of several tables.
  Block::Range Approach(const Lookup& lookup) const {
    filter_.Prefetch(lookup.hash);
    return Approach(lookup.key);
  }
  Result<Found> Find(const Lookup& lookup, Block::Range near, ReadScope& scope,
                     TableReadTrace& trace) const;
  // Between the two: asks for the block, if the filter lets the key through and it is cached.
  // Returns whether the filter does.
  bool Aim(const Lookup& lookup, Block::Range near) const;
  // The least of it, for a table that will hardly have the key.
  void PrefetchFilter(const Lookup& lookup) const { filter_.Prefetch(lookup.hash); }

  // Reads the whole file and checks every block, the order of all entries, and that index, filter
  // and properties agree with them. Returns the bytes of data blocks read.
  Result<std::uint64_t> Verify() const;

  const TableProperties& properties() const { return description_.properties; }
  const std::string& name() const { return reader_.name(); }
  std::uint64_t id() const { return reader_.table_id(); }
  // TableWriterOptions::creation.
  std::uint64_t creation() const { return description_.creation; }
  // Index, filter and slots, charged to the memory budget.
  std::size_t resident_bytes() const;

  class Cursor;
  class Scan;

 private:
  struct Parts;

  explicit Table(Parts parts);

  // Narrows a search of the index and asks for what it will touch there, slots included.
  Block::Range Approach(std::string_view key) const;
  Result<Found> FindInBlock(const Lookup& lookup, std::uint32_t number, ReadScope& scope,
                            TableReadTrace& trace) const;
  // From the cache or the file. Not under an EpochGuard.
  Result<BlockReference> PinBlock(std::uint32_t number, bool fill_cache,
                                  TableReadTrace& trace) const;
  std::span<BlockSlot> slots() const { return {slots_.get(), index_.block_count()}; }

  const BlockReader reader_;
  const table_format::Description description_;
  const TableIndex index_;
  const BloomFilter filter_;
  const std::shared_ptr<BlockCache> cache_;
  const std::unique_ptr<BlockSlot[]>
      slots_;  // One for each block; the cache fills and empties them.
};

}  // namespace firn
