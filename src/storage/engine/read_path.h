// SPDX-License-Identifier: Apache-2.0
//
// A point read: from the newest source to the oldest, until one of them knows the key.
#pragma once

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

// The newest version of the key at or below the lookup's sequence, a tombstone included. `scope`
// belongs to a reader of `view` and keeps the value. May read from disk, and then leaves the epoch.
// kCorruption or kIo of the one table that stood in the way.
Result<Found> Read(const View& view, const Lookup& lookup, ReadScope& scope, ReadTrace& trace);

}  // namespace firn
