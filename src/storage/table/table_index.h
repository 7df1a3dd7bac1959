// SPDX-License-Identifier: Apache-2.0
//
// The index of a table: for each block where it lies and a separator, an entry at or after its last
// one and before the first of the next block. It is stored as a block itself, with separators for
// keys, so it is searched the same way: flat heads first, whole keys on a tie. Separators are as
// short as the keys allow. Only where two blocks split the versions of one key does a separator
// carry a sequence, and so a search always ends in the one block that can hold the answer.
//
// Kept in memory as it is stored, with samples of the heads: all heads of a table do not stay in a
// processor's nearer caches, the samples do. Immutable, so thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "storage/entry.h"
#include "storage/table/block.h"
#include "storage/table/block_builder.h"
#include "storage/table/table_format.h"

namespace firn {

class TableIndex {
 public:
  // Holds no blocks.
  TableIndex() = default;
  // Takes the bytes of an index section without its trailer. kCorruption unless its blocks lie one
  // behind the other and fill the file up to `data_end`.
  static Result<TableIndex> Parse(std::string_view bytes, std::uint64_t data_end);

  std::uint32_t block_count() const { return separators_.count(); }
  // The only block that can hold the first entry at or after (key, as_of); block_count() when that
  // would lie behind all.
  std::uint32_t Find(std::string_view key, SequenceNumber as_of) const {
    return Find(key, as_of, Narrow(key));
  }
  // The same in two steps, so that what the first asks for can arrive before the second. The block
  // is in the range or the one behind it, except where separators begin with the same eight bytes.
  Block::Range Narrow(std::string_view key) const { return separators_.Narrow(key, samples_); }
  std::uint32_t Find(std::string_view key, SequenceNumber as_of, Block::Range near) const {
    return separators_.LowerBound(key, as_of, near);
  }
  // Requires block < block_count().
  table_format::BlockExtent extent(std::uint32_t block) const {
    const char* value = separators_.value(block).data();
    return {.offset = LoadLittle<std::uint64_t>(value),
            .stored_bytes = LoadLittle<std::uint32_t>(value + 8),
            .raw_bytes = LoadLittle<std::uint32_t>(value + 12)};
  }

  std::size_t memory_bytes() const {
    return bytes_.capacity() + samples_.capacity() * sizeof(std::uint64_t);
  }

 private:
  std::vector<char> bytes_;  // A vector's bytes stay where they are when it is moved.
  Block separators_;
  std::vector<std::uint64_t> samples_;  // Of the separators' heads.
};

// Collects the index while a table is written. Not thread-safe.
class TableIndexBuilder {
 public:
  // The next block. `last` is its last entry, `next_key` the first key of the block after it.
  void Add(const table_format::BlockExtent& block, const Entry& last, std::string_view next_key);
  // The last block of the table.
  void AddLast(const table_format::BlockExtent& block, std::string_view last_key);

  std::size_t estimated_bytes() const { return builder_.estimated_bytes(); }
  std::uint64_t block_count() const { return builder_.count(); }
  void Finish(std::string& out) { builder_.Finish(out); }

 private:
  void AddSeparator(const table_format::BlockExtent& block, std::string_view separator,
                    SequenceNumber sequence);

  BlockBuilder builder_;
  std::string separator_;
};

// A shortest key that is not below `last` and below `next`; requires last < next.
void ShortestSeparator(std::string_view last, std::string_view next, std::string& out);

}  // namespace firn
