// SPDX-License-Identifier: Apache-2.0
//
// A cursor over tables that follow each other in key order, as one reader sees them: a sorted
// level, or a single table of level 0. Tables are opened when the cursor comes to them. Moving may
// read from disk; not thread-safe. Costs nothing over Table::Cursor within a table.
#pragma once

#include <optional>
#include <string_view>

#include "firn/result.h"
#include "storage/entry.h"
#include "storage/table/table_cursor.h"
#include "storage/version/version.h"

namespace firn {

class RunCursor {
 public:
  struct Setup {
    SequenceNumber as_of;
    bool fill_cache = true;
  };

  // `run` must outlive the cursor.
  RunCursor(const SortedRun& run, const Setup& setup) : run_(&run), setup_(setup) {}

  // As VisibleCursor.
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view key);
  void SeekForPrev(std::string_view key);
  // As those of Table::Cursor.
  void Aim(std::string_view key);
  void PrefetchAim() const {
    if (cursor_) {
      cursor_->PrefetchAim();
    }
  }
  void Next() {
    cursor_->Next();
    if (!cursor_->valid()) [[unlikely]] {
      SkipForward();
    }
  }
  void Prev() {
    cursor_->Prev();
    if (!cursor_->valid()) [[unlikely]] {
      SkipBackward();
    }
  }
  bool valid() const { return cursor_.has_value() && cursor_->valid(); }
  std::string_view key() const { return cursor_->key(); }
  KeyState state() const { return cursor_->state(); }
  std::string_view value() const { return cursor_->value(); }
  // Ok, or why the last move ended nowhere.
  Result<void> status() const;

  // The cursor of the current table, for stepping inside a block. Requires valid().
  Table::Cursor& table_cursor() { return *cursor_; }

 private:
  bool OpenTable(std::size_t index);
  void SkipForward();
  void SkipBackward();

  const SortedRun* run_;
  Setup setup_;
  std::size_t table_ = 0;  // Index of the table that cursor_ is in.
  bool has_aimed_ = false;
  std::optional<Table::Cursor> cursor_;
  std::optional<Error> open_error_;
};

}  // namespace firn
