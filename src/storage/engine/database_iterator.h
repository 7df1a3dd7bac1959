// SPDX-License-Identifier: Apache-2.0
//
// What stands behind firn::Iterator: a merging cursor over one View, without the tombstones. Holds
// the View, the directory's lock and, if one was given, the snapshot.
#pragma once

#include <memory>
#include <optional>

#include "firn/database.h"
#include "storage/engine/engine.h"
#include "storage/engine/merging_cursor.h"
#include "storage/engine/scan_bounds.h"

namespace firn::internal {

class DatabaseIterator {
 public:
  struct Setup {
    ViewHold hold;
    SequenceNumber sequence;
    ScanBounds bounds;
    std::optional<Snapshot> snapshot;
    bool fill_cache = true;
  };

  // With an error in `usable` it stays empty and shows that as its status.
  DatabaseIterator(Setup setup, Result<void> usable)
      : setup_(std::move(setup)),
        usable_(std::move(usable)),
        merge_(*setup_.hold.view, setup_.bounds,
               {.as_of = setup_.sequence, .fill_cache = setup_.fill_cache}) {}

  void SeekToFirst() {
    MoveForward([](MergingCursor& merge) { merge.SeekToFirst(); });
  }
  void SeekToLast() {
    MoveBackward([](MergingCursor& merge) { merge.SeekToLast(); });
  }
  void Seek(std::string_view target) {
    MoveForward([target](MergingCursor& merge) { merge.Seek(target); });
  }
  void SeekForPrev(std::string_view target) {
    MoveBackward([target](MergingCursor& merge) { merge.SeekForPrev(target); });
  }
  void Next() {
    MoveForward([](MergingCursor& merge) { merge.Next(); });
  }
  void Prev() {
    MoveBackward([](MergingCursor& merge) { merge.Prev(); });
  }

  bool valid() const { return merge_.valid(); }
  std::string_view key() const { return merge_.key(); }
  std::string_view value() const { return merge_.value(); }
  SequenceNumber sequence() const { return merge_.state().sequence; }
  Result<void> status() const { return usable_ ? merge_.status() : usable_; }

 private:
  bool AtTombstone() const { return merge_.valid() && merge_.state().kind == Kind::kDelete; }

  template <typename Move>
  void MoveForward(Move&& move) {
    if (usable_) {
      for (move(merge_); AtTombstone(); merge_.NextOverTombstones()) {
      }
    }
  }
  template <typename Move>
  void MoveBackward(Move&& move) {
    if (usable_) {
      for (move(merge_); AtTombstone(); merge_.PrevOverTombstones()) {
      }
    }
  }

  const Setup setup_;
  const Result<void> usable_;
  MergingCursor merge_;
};

}  // namespace firn::internal
