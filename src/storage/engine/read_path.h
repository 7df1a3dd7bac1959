// SPDX-License-Identifier: Apache-2.0
//
// A point read: from the newest source to the oldest, until one of them knows the key.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "firn/result.h"
#include "storage/engine/view.h"
#include "storage/entry.h"
#include "storage/read_scope.h"
#include "storage/table/table.h"

namespace firn {

// Where a read ended. What its tables cost is in their counters.
struct ReadTrace {
  static constexpr int kNowhere = -2;
  static constexpr int kMemtable = -1;

  int source = kNowhere;   // A level, or one of the above.
  int levels_checked = 0;  // From level 0 down, levels without a table on the way included.
};

// One point read, in steps that ask for memory and one that looks at it, so that several reads can
// wait together. `view` must outlive it, and so must the bytes of the key.
class PointRead {
 public:
  // Asks for what the memtable and the sorted levels need to say whether they have the key.
  PointRead(const View& view, const Lookup& lookup);

  // Asks for the cached block that probably has the key, too. Worth it where other reads come
  // first.
  void Aim() const;

  // The newest version of the key at or below the lookup's sequence, a tombstone included. `scope`
  // belongs to a reader of the view and keeps the value. May read from disk, and then leaves the
  // epoch. kCorruption or kIo of the one table that stood in the way.
  Result<Found> Find(ReadScope& scope, ReadTrace& trace) const;

 private:
  // A table on the way to the key, and where in it the key is.
  struct Place {
    const TableFile* file = nullptr;  // Null where a level has none for the key.
    const Table* table = nullptr;     // Null until somebody opens it.
    Block::Range near{};
  };

  Place Approach(const TableFile* file) const;
  Result<Found> FindIn(const Place& place, ReadScope& scope) const;
  std::span<const Place> sorted_levels() const {
    return {levels_.data(), static_cast<std::size_t>(std::max(version_.deepest_level(), 0))};
  }

  const View& view_;
  const Version& version_;
  const Lookup lookup_;
  std::array<Place, kLevelCount - 1> levels_{};  // From level 1 on; as many as there are.
};

}  // namespace firn
