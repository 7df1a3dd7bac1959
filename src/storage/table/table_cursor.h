// SPDX-License-Identifier: Apache-2.0
//
// Walks a table as one reader sees it, in both directions, at the same cost. The cursor holds a
// reference to the block it is in. Most blocks are simple: each key has one
// version and the reader sees all of them; there a step is one addition, and the key is put
// together only when it is asked for.
//
// A merge that knows how far it may go takes the Steps… functions: so many steps by NextInBlock or
// PrevInBlock need no comparison. Blocks that come from the file one after the other are read
// ahead.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/key_buffer.h"
#include "firn/result.h"
#include "storage/entry.h"
#include "storage/table/block_cache.h"
#include "storage/table/block_reader.h"
#include "storage/table/table.h"

namespace firn {

// A VisibleCursor. Moving may read from disk. Not under an EpochGuard, not thread-safe.
class Table::Cursor {
 public:
  Cursor(std::shared_ptr<const Table> table, SequenceNumber as_of, bool fill_cache = true)
      : Cursor(*table, as_of, fill_cache) {
    owner_ = std::move(table);
  }
  // `table` must outlive the cursor.
  Cursor(const Table& table, SequenceNumber as_of, bool fill_cache)
      : table_(&table), as_of_(as_of), fill_cache_(fill_cache) {}

  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view key);
  void SeekForPrev(std::string_view key);
  // The first steps of Seek(key), which must follow: finds the block and asks for its memory, first
  // for the way to it. Who seeks in several tables takes each step in all of them, so that their
  // cache misses overlap.
  void Aim(std::string_view key);
  void PrefetchAim() const;
  // Each requires valid().
  void Next() {
    if (simple_ && position_ + 1 < block_->count()) [[likely]] {
      ++position_;
    } else {
      NextSlowly();
    }
  }
  void Prev() {
    if (simple_ && position_ > 0) [[likely]] {
      --position_;
    } else {
      PrevSlowly();
    }
  }

  bool valid() const { return block_ != nullptr; }
  std::string_view key() const {
    if (key_position_ != position_) {
      MakeKey();
    }
    return {key_.data(), key_bytes_};
  }
  KeyState state() const { return block_->state(position_); }
  // The same value, for a consumer that reads it, and so probably the next ones.
  std::string_view value() const {
    if (values_before_expecting_ > 0 && --values_before_expecting_ == 0) [[unlikely]] {
      Expect(Move::kForward, block_->count() - position_);
    }
    beyond_.Ask();
    return block_->value(position_);
  }

  // Ok, or why the last move ended nowhere: kCorruption, kIo.
  const Result<void>& status() const { return status_; }

  // How many steps can be taken within the block; 0 where stepping needs care. Each requires
  // valid().
  std::uint32_t StepsForward() const { return simple_ ? block_->count() - 1 - position_ : 0; }
  std::uint32_t StepsBackward() const { return simple_ ? position_ : 0; }
  // How many of the steps forward lead to keys below `key`.
  std::uint32_t StepsBefore(std::string_view key) const {
    return simple_ ? std::max(block_->LowerBound(key, kSequenceMax), position_ + 1) - position_ - 1
                   : 0;
  }
  // How many of the steps backward lead to keys above `key`, and how many to keys not below it.
  std::uint32_t StepsAfter(std::string_view key) const {
    return simple_ ? position_ - std::min(block_->UpperBound(key), position_) : 0;
  }
  std::uint32_t StepsDownTo(std::string_view key) const {
    return simple_ ? position_ - std::min(block_->LowerBound(key, kSequenceMax), position_) : 0;
  }
  // One of those steps.
  void NextInBlock() { ++position_; }
  void PrevInBlock() { --position_; }

  // A reference to the block that key and value lie in, for a value that outlives the position.
  BlockReference block() const { return holder_; }

 private:
  static constexpr std::uint32_t kNowhere = UINT32_MAX;  // Beyond any position or block.

  enum class Move { kSeek, kForward, kBackward };

  void NextSlowly();
  void PrevSlowly();
  void MakeKey() const;
  void Leave();
  bool EnterBlock(std::uint32_t number, Move move);
  bool EnterNextBlock();
  bool EnterPreviousBlock();
  void SettleForward();
  void SettleBackward();
  void EnterBlockOfVersion();
  void StepBefore(std::string_view key);
  void Expect(Move move, std::size_t values) const;
  const CachedBlock* Cached(std::uint32_t number) const;
  Result<BlockReference> Fetch(std::uint32_t number, Move move);
  Result<void> ReadAhead(std::uint32_t number, Move move);

  std::shared_ptr<const Table> owner_;  // Null where somebody else keeps the table.
  const Table* table_;
  SequenceNumber as_of_;
  bool fill_cache_;
  bool simple_ = false;
  std::uint32_t aim_ = kNowhere;                   // The block that the next Seek goes to.
  std::uint32_t number_ = 0;                       // Of the block.
  std::uint32_t position_ = 0;                     // In the block.
  const Block* block_ = nullptr;                   // Null: not valid.
  BlockReference holder_;                          // Keeps block_.
  mutable std::uint32_t key_position_ = kNowhere;  // What key_ was made for.
  mutable std::size_t key_bytes_ = 0;
  mutable KeyBuffer key_;             // Starts with the prefix of the block.
  mutable PiecewisePrefetch beyond_;  // The block that comes next.
  mutable std::size_t values_before_expecting_ = 0;
  std::string passed_key_;
  Result<void> status_;
  BlockWindow window_;
  std::uint32_t misses_in_a_row_ = 0;
  std::uint64_t readahead_bytes_ = 0;
};

}  // namespace firn
