// SPDX-License-Identifier: Apache-2.0
//
// Merges what a View holds into one stream of keys in either direction: each key once, as its
// newest source has it. Sources stand newest first, so of equal keys the one in the first source
// counts; that needs no look at sequences (docs/invariants.md I-V3).
//
// Heads are taken after the prefix that the current keys of all sources share, so that they tell
// neighbours apart however long that is; when a source leaves the prefix, it is found anew.
//
// Running ahead: when the winner of the tournament is a table and wins for the second time, the
// cursor finds by one binary search how many entries of the table's current block lie before the
// runner-up's key, and steps through those without another comparison.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/key_head.h"
#include "firn/result.h"
#include "storage/compaction/loser_tree.h"
#include "storage/engine/run_cursor.h"
#include "storage/engine/scan_bounds.h"
#include "storage/engine/view.h"
#include "storage/memtable/memtable.h"

namespace firn {

// One source with its current key where the tournament can compare it.
class MergeSource {
 public:
  explicit MergeSource(Memtable::Cursor cursor) : cursor_(std::move(cursor)) {}
  explicit MergeSource(RunCursor cursor) : cursor_(std::move(cursor)) {}

  // Moves the source's cursor. The head is that of the key after `prefix`, if it starts with it.
  template <typename Move>
  void Apply(Move&& move, std::string_view prefix) {
    if (auto* run = std::get_if<RunCursor>(&cursor_)) {
      move(*run);
      valid_ = run->valid();
    } else {
      auto& memtable = *std::get_if<Memtable::Cursor>(&cursor_);
      move(memtable);
      valid_ = memtable.valid();
    }
    TakeHead(prefix);
  }
  void TakeHead(std::string_view prefix) {
    if (valid_) {
      const std::string_view now = key();
      has_prefix_ = now.starts_with(prefix);
      head_ = has_prefix_ ? KeyHead(now, prefix.size()) : 0;
    }
  }

  bool valid() const { return valid_; }
  bool has_prefix() const { return has_prefix_; }
  std::string_view key() const {
    const auto* run = std::get_if<RunCursor>(&cursor_);
    return run != nullptr ? run->key() : std::get_if<Memtable::Cursor>(&cursor_)->key();
  }
  std::uint64_t head() const { return head_; }
  KeyState state() const {
    const auto* run = std::get_if<RunCursor>(&cursor_);
    return run != nullptr ? run->state() : std::get_if<Memtable::Cursor>(&cursor_)->state();
  }
  std::string_view value() const {
    const auto* run = std::get_if<RunCursor>(&cursor_);
    return run != nullptr ? run->value() : std::get_if<Memtable::Cursor>(&cursor_)->state().value;
  }
  Result<void> status() const {
    const auto* run = std::get_if<RunCursor>(&cursor_);
    return run != nullptr ? run->status() : Result<void>();
  }
  // One of them is null.
  RunCursor* run() { return std::get_if<RunCursor>(&cursor_); }
  Memtable::Cursor* memtable() { return std::get_if<Memtable::Cursor>(&cursor_); }

 private:
  std::variant<Memtable::Cursor, RunCursor> cursor_;
  bool valid_ = false;
  bool has_prefix_ = false;
  std::uint64_t head_ = 0;
};

class MergingCursor {
 public:
  // Shows keys within `bounds` only. `view` and `bounds` must outlive the cursor.
  MergingCursor(const View& view, const ScanBounds& bounds, const RunCursor::Setup& setup);
  MergingCursor(const MergingCursor&) = delete;
  MergingCursor& operator=(const MergingCursor&) = delete;

  // As VisibleCursor; tombstones are shown. Seeks beyond a bound end at the bound.
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view key);
  void SeekForPrev(std::string_view key);
  void Next();
  void Prev();
  // The same from a tombstone; many at a time where no other source has anything to say to them.
  void NextOverTombstones();
  void PrevOverTombstones();
  bool valid() const { return current_ != nullptr; }
  std::string_view key() const { return current_->key(); }
  KeyState state() const { return current_->state(); }
  std::string_view value() const { return current_->value(); }
  Result<void> status() const { return error_ ? Result<void>(*error_) : Result<void>(); }

 private:
  enum class Direction { kForward, kBackward };
  struct Before {
    const MergingCursor* merge;
    bool operator()(std::size_t a, std::size_t b) const;
  };

  static std::vector<MergeSource> SourcesOf(const View& view, const RunCursor::Setup& setup);
  template <typename Move>
  void MoveAll(Direction direction, Move&& move);
  template <typename Move>
  void Advance(Move&& move);
  template <typename Move>
  void MoveSource(std::size_t source, Move&& move);
  void TurnAround(Direction direction);
  void FindPrefix();
  void ShowWinner();
  const MergeSource* RunnerUp();
  bool IsBeyondBound(std::string_view key) const;
  std::uint32_t RunLength(Table::Cursor& table, const MergeSource* runner_up) const;

  const ScanBounds& bounds_;
  std::vector<MergeSource> sources_;  // Newest first.
  Direction direction_ = Direction::kForward;
  LoserTree<Before> tree_;
  std::string prefix_;  // Of the current keys of all sources, where there are several.
  MergeSource* current_ = nullptr;
  MergeSource* last_winner_ = nullptr;
  bool runner_up_is_equal_ = false;  // Another source stands on the current key.
  std::uint32_t run_left_ = 0;       // Steps in the direction that need no comparison.
  std::string last_key_;             // Where a move needs the key it leaves.
  std::optional<Error> error_;
};

}  // namespace firn
