// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/run_cursor.h"

#include <utility>

namespace firn {

// Makes table `index` the current one; false beyond the ends and on an error.
bool RunCursor::OpenTable(std::size_t index) {
  open_error_.reset();
  if (index >= run_->tables().size()) {
    cursor_.reset();
    return false;
  }
  if (cursor_ && table_ == index) {
    return true;
  }
  table_ = index;
  cursor_.reset();
  // The file keeps the table open, and the run keeps the file.
  const TableFile& file = *run_->tables()[index];
  const Table* table = file.opened();
  if (table == nullptr) {
    const Result<std::shared_ptr<const Table>> opened = file.Open();
    if (!opened) {
      open_error_ = opened.error();
      return false;
    }
    table = opened->get();
  }
  cursor_.emplace(*table, setup_.as_of, setup_.fill_cache);
  return true;
}

void RunCursor::SeekToFirst() {
  if (OpenTable(0)) {
    cursor_->SeekToFirst();
    SkipForward();
  }
}

void RunCursor::SeekToLast() {
  if (OpenTable(run_->tables().size() - 1)) {
    cursor_->SeekToLast();
    SkipBackward();
  }
}

void RunCursor::Aim(std::string_view key) {
  has_aimed_ = true;
  if (OpenTable(run_->LowerBound(key))) {
    cursor_->Aim(key);
  }
}

void RunCursor::Seek(std::string_view key) {
  if (!has_aimed_) {
    Aim(key);
    PrefetchAim();
  }
  has_aimed_ = false;
  if (cursor_) {
    cursor_->Seek(key);
    SkipForward();
  }
}

void RunCursor::SeekForPrev(std::string_view key) {
  std::size_t index = run_->LowerBound(key);
  const TableList& tables = run_->tables();
  if (index == tables.size() || key < tables[index]->meta().smallest_key()) {
    --index;  // From 0 it wraps to beyond the end, where there is no table.
  }
  if (OpenTable(index)) {
    cursor_->SeekForPrev(key);
    SkipBackward();
  }
}

// A table may hold nothing that the reader sees from the position on.
void RunCursor::SkipForward() {
  while (!cursor_->valid() && cursor_->status().has_value()) {
    if (!OpenTable(table_ + 1)) {
      return;
    }
    cursor_->SeekToFirst();
  }
}

void RunCursor::SkipBackward() {
  while (!cursor_->valid() && cursor_->status().has_value()) {
    if (!OpenTable(table_ - 1)) {
      return;
    }
    cursor_->SeekToLast();
  }
}

Result<void> RunCursor::status() const {
  if (open_error_) {
    return *open_error_;
  }
  return cursor_ ? cursor_->status() : Result<void>();
}

}  // namespace firn
