// SPDX-License-Identifier: Apache-2.0
//
// What a leaf referred to at one moment. Cursors walk such copies instead of live leaves: a cursor
// sees sequences only that were published before it was made, whose entries were in the tree before
// any leaf was read, so a copy lacks nothing of what it may show, however the leaf changes later.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/strong_id.h"
#include "storage/memtable/arena.h"
#include "storage/memtable/node.h"

namespace firn {

struct LeafView {
  ArenaRef self = kNoRef;
  ArenaRef next = kNoRef;
  ArenaRef prev = kNoRef;
  unsigned count = 0;
  std::uint64_t tombstones = 0;  // Slots that a reader from tombstone_sequence on sees as such.
  std::uint64_t tombstone_sequence = 0;
  std::array<ArenaRef, kSlots> keys;  // Key records; the first `count` are set.

  // How many slots from `slot` on, or before it, are known to hold tombstones for that reader.
  unsigned TombstonesFrom(unsigned slot, SequenceNumber as_of) const {
    return slot == kSlots ? 0
                          : static_cast<unsigned>(std::countr_one(TombstonesFor(as_of) >> slot));
  }
  unsigned TombstonesBefore(unsigned slot, SequenceNumber as_of) const {
    return slot == 0
               ? 0
               : static_cast<unsigned>(std::countl_one(TombstonesFor(as_of) << (kSlots - slot)));
  }
  std::uint64_t TombstonesFor(SequenceNumber as_of) const {
    return tombstone_sequence <= as_of.value ? tombstones : 0;
  }
};

}  // namespace firn
