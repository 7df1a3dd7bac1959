// SPDX-License-Identifier: Apache-2.0
//
// What the memtable's arena holds: for each key a KeyRecord, which contains the key's first
// version, and for each overwrite a VersionRecord without the key. Everything in them is constant
// once published, except KeyRecord::newest, which the writer moves forward by release stores. So a
// slot of the tree never changes for an overwrite, and old versions are reached from new ones.
//
//   KeyRecord      tag:8 newest:4 value_bytes:4 key_bytes_less_one:2 key… value…
//   VersionRecord  tag:8 older:4  value_bytes:4 jump:4 depth:4       value…
//
// Versions form a skew-binary list (Myers 1983): `jump` leads far back, so that a reader with an
// old snapshot finds its version of a key overwritten n times in O(log n) steps.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/strong_id.h"
#include "storage/entry.h"
#include "storage/memtable/arena.h"

namespace firn {

// A sequence and a kind in one word.
constexpr std::uint64_t MakeTag(SequenceNumber sequence, Kind kind) {
  return sequence.value << 8 | static_cast<std::uint8_t>(kind);
}
constexpr SequenceNumber TagSequence(std::uint64_t tag) { return {tag >> 8}; }
constexpr Kind TagKind(std::uint64_t tag) { return static_cast<Kind>(tag & 0xFF); }

struct KeyRecord {
  static constexpr std::size_t kHeaderBytes = 18;

  std::uint64_t tag;
  std::atomic<ArenaRef> newest;  // A VersionRecord, or kNoRef while the first version is alone.
  std::uint32_t value_bytes;
  std::uint16_t key_bytes_less_one;  // Keys of 64 KiB exist, empty ones do not.

  std::string_view key() const {
    return {reinterpret_cast<const char*>(this) + kHeaderBytes,
            key_bytes_less_one + std::size_t{1}};
  }
  KeyState first() const {
    const char* value = reinterpret_cast<const char*>(this) + kHeaderBytes + 1 + key_bytes_less_one;
    return {TagSequence(tag), TagKind(tag), {value, value_bytes}};
  }
};

struct VersionRecord {
  static constexpr std::size_t kHeaderBytes = 24;

  std::uint64_t tag;
  ArenaRef older;  // kNoRef: the key record's own version is the next older.
  std::uint32_t value_bytes;
  ArenaRef jump;        // A version further back, or kNoRef: the key record's.
  std::uint32_t depth;  // Number of older versions.

  KeyState state() const {
    const char* value = reinterpret_cast<const char*>(this) + kHeaderBytes;
    return {TagSequence(tag), TagKind(tag), {value, value_bytes}};
  }
};
static_assert(sizeof(VersionRecord) == VersionRecord::kHeaderBytes);

// Copies an entry into the arena as the first version of its key. Not yet reachable by readers.
ArenaRef NewKeyRecord(Arena& arena, const Entry& entry);

// Makes `entry` the newest version of the key of `record`, visible to readers at once.
void PushVersion(Arena& arena, KeyRecord& record, const Entry& entry);

// The newest version with a sequence at or below `as_of` among those of a key that was overwritten.
Found FindVersion(const Arena& arena, const KeyRecord& record, SequenceNumber as_of,
                  ArenaRef newest);

// The newest version with a sequence at or below `as_of`.
inline Found VisibleVersion(const Arena& arena, const KeyRecord& record, SequenceNumber as_of) {
  const ArenaRef newest = record.newest.load(std::memory_order_acquire);
  if (newest != kNoRef) [[unlikely]] {
    return FindVersion(arena, record, as_of, newest);
  }
  if (TagSequence(record.tag) > as_of) {
    return std::nullopt;
  }
  return record.first();
}

}  // namespace firn
