// SPDX-License-Identifier: Apache-2.0
//
// What a leaf referred to at one moment. Cursors walk such copies instead of live leaves: a cursor
// sees sequences only that were published before it was made, whose entries were in the tree before
// any leaf was read, so a copy lacks nothing of what it may show, however the leaf changes later.
#pragma once

#include <array>
#include <cstdint>

#include "storage/memtable/arena.h"
#include "storage/memtable/node.h"

namespace firn {

struct LeafView {
  ArenaRef self = kNoRef;
  ArenaRef next = kNoRef;
  ArenaRef prev = kNoRef;
  unsigned count = 0;
  std::array<ArenaRef, kSlots> keys;  // Key records; the first `count` are set.
};

}  // namespace firn
