// SPDX-License-Identifier: Apache-2.0
//
// What the engine stores: versions of keys. Every write makes one, ordered by a sequence number. A
// key's newest version at or below a reader's sequence is what the reader sees; a tombstone there
// means absent. Everywhere in the engine entries are ordered by key ascending, then sequence
// descending, so that the first entry found for a key is its newest.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/hash.h"
#include "base/strong_id.h"

namespace firn {

// Stored in the log, in tables and in memtables. Numbers are for ever; the reserved ones are
// refused by name until a version gives them meaning.
enum class Kind : std::uint8_t {
  kDelete = 0,
  kPut = 1,
  kReservedRangeDelete = 2,
  kReservedMerge = 3,
  kReservedPutWithExpiry = 4,
  kReservedBlobReference = 5,
};

// One version of a key. The views belong to whoever gave the entry.
struct Entry {
  std::string_view key;
  SequenceNumber sequence;
  Kind kind = Kind::kPut;
  std::string_view value;  // Empty for a tombstone.
};

// A point read: one key as of one sequence. The hash is computed once and serves every filter.
struct Lookup {
  Lookup(std::string_view user_key, SequenceNumber as_of)
      : key(user_key), sequence(as_of), hash(Hash64(user_key)) {}
  std::string_view key;
  SequenceNumber sequence;
  std::uint64_t hash;
};

// What one source knows of a key: the newest version it holds for the lookup, or nothing.
struct KeyState {
  SequenceNumber sequence;
  Kind kind = Kind::kPut;
  std::string_view value;
};
using Found = std::optional<KeyState>;

// Walks one sorted source in both directions as one reader sees it: each key once, with its newest
// version at or below the reader's sequence (given when the cursor is made), tombstones included;
// keys that have no such version are skipped. A cursor over a table may read from disk when it
// moves; a failure leaves it not valid and shows in its status(). Keys and values hold until the
// next move. Not thread-safe.
template <typename C>
concept VisibleCursor = requires(C cursor, const C& constant, std::string_view key) {
  cursor.SeekToFirst();
  cursor.SeekToLast();
  cursor.Seek(key);         // First key >= `key`.
  cursor.SeekForPrev(key);  // Last key <= `key`.
  cursor.Next();
  cursor.Prev();
  { constant.valid() } -> std::convertible_to<bool>;
  { constant.key() } -> std::convertible_to<std::string_view>;
  { constant.state() } -> std::convertible_to<KeyState>;
};

}  // namespace firn
