// SPDX-License-Identifier: Apache-2.0
//
// Reads every version of a table in entry order, for compactions. Takes cached blocks where it
// meets them but leaves the cache as it was: what it reads from the file, in large pieces, is
// neither kept nor counted as use. Not under an EpochGuard, not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "firn/result.h"
#include "storage/entry.h"
#include "storage/table/block.h"
#include "storage/table/block_cache.h"
#include "storage/table/block_reader.h"
#include "storage/table/table.h"

namespace firn {

class Table::Scan {
 public:
  // Whether blocks in the cache spare a read. Table::Verify wants the file.
  enum class Cached { kUse, kIgnore };

  static constexpr std::uint64_t kReadBytes = std::uint64_t{512} << 10;

  // Starts at the first entry. Reads about `read_bytes` at once, a block at least, and holds as
  // much.
  explicit Scan(std::shared_ptr<const Table> table, Cached cached = Cached::kUse,
                std::uint64_t read_bytes = kReadBytes);
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  // To the newest version of the first key >= `key`.
  void Seek(std::string_view key);
  // Requires valid().
  void Next() {
    if (++position_ < block_.count()) [[likely]] {
      Take();
    } else {
      EnterBlock(number_ + 1);
    }
  }

  bool valid() const { return valid_; }
  // Holds until the next move.
  const Entry& entry() const { return entry_; }
  // Ok at the end of the table, or why the last move ended nowhere: kCorruption, kIo.
  const Result<void>& status() const { return status_; }

  // The block that the entry is in, and whether it is the first one there.
  const Block& block() const { return block_; }
  std::uint32_t block_number() const { return number_; }
  bool at_block_start() const { return position_ == 0; }
  // From the file so far.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  explicit Scan(const Table& table, Cached cached, std::uint64_t read_bytes = kReadBytes);
  friend class Table;

  void Take() {
    const std::string_view prefix = block_.prefix();
    const std::size_t bytes = block_.KeyBytes(position_);
    if (key_.size() < bytes + kHeadBytes) [[unlikely]] {
      key_.resize(bytes + kHeadBytes);
    }
    block_.StoreSuffix(position_, key_.data() + prefix.size());
    entry_ = {.key = {key_.data(), bytes},
              .sequence = block_.sequence(position_),
              .kind = block_.kind(position_),
              .value = block_.value(position_)};
  }
  void EnterBlock(std::uint32_t number);
  Result<void> Load(std::uint32_t number);
  Result<std::string_view> Stored(std::uint32_t number);

  std::shared_ptr<const Table> owner_;  // Null when a member of the table itself scans.
  const Table* table_;
  Cached cached_;
  std::uint64_t read_bytes_;
  bool valid_ = false;
  std::uint32_t number_ = 0;
  std::uint32_t position_ = 0;
  Block block_;            // In holder_, window_ or scratch_.
  BlockReference holder_;  // Of a cached block.
  BlockWindow window_;
  std::string scratch_;
  std::string key_;
  Entry entry_;
  Result<void> status_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace firn
