// SPDX-License-Identifier: Apache-2.0
//
// Depth 0 is the key record's own version, which counts as its own jump. A new version jumps over
// its predecessor's jump when the two jumps before it span equally many versions, else to its
// predecessor: the lengths of jumps then follow the skew-binary numbers.
#include "storage/memtable/record.h"

#include <cstring>
#include <new>

namespace firn {
namespace {

std::uint32_t DepthOf(const Arena& arena, ArenaRef version) {
  return version == kNoRef ? 0 : arena.At<const VersionRecord>(version)->depth;
}

ArenaRef JumpOf(const Arena& arena, ArenaRef version) {
  return version == kNoRef ? kNoRef : arena.At<const VersionRecord>(version)->jump;
}

ArenaRef JumpAfter(const Arena& arena, ArenaRef predecessor) {
  const ArenaRef jump = JumpOf(arena, predecessor);
  const ArenaRef second_jump = JumpOf(arena, jump);
  const std::uint32_t middle = DepthOf(arena, jump);
  const bool spans_are_equal =
      DepthOf(arena, predecessor) - middle == middle - DepthOf(arena, second_jump);
  return spans_are_equal ? second_jump : predecessor;
}

void CopyBytes(char* out, std::string_view bytes) {
  if (!bytes.empty()) {  // The data pointer of an empty view may be null.
    std::memcpy(out, bytes.data(), bytes.size());
  }
}

}  // namespace

ArenaRef NewKeyRecord(Arena& arena, const Entry& entry) {
  const auto [ref, bytes] =
      arena.Allocate(KeyRecord::kHeaderBytes + entry.key.size() + entry.value.size());
  auto* record = new (bytes) KeyRecord;
  record->tag = MakeTag(entry.sequence, entry.kind);
  record->newest.store(kNoRef, std::memory_order_relaxed);
  record->value_bytes = static_cast<std::uint32_t>(entry.value.size());
  record->key_bytes_less_one = static_cast<std::uint16_t>(entry.key.size() - 1);
  CopyBytes(bytes + KeyRecord::kHeaderBytes, entry.key);
  CopyBytes(bytes + KeyRecord::kHeaderBytes + entry.key.size(), entry.value);
  return ref;
}

void PushVersion(Arena& arena, KeyRecord& record, const Entry& entry) {
  const ArenaRef predecessor = record.newest.load(std::memory_order_relaxed);
  const auto [ref, bytes] = arena.Allocate(VersionRecord::kHeaderBytes + entry.value.size());
  auto* version = new (bytes) VersionRecord;
  version->tag = MakeTag(entry.sequence, entry.kind);
  version->older = predecessor;
  version->value_bytes = static_cast<std::uint32_t>(entry.value.size());
  version->jump = JumpAfter(arena, predecessor);
  version->depth = DepthOf(arena, predecessor) + 1;
  CopyBytes(bytes + VersionRecord::kHeaderBytes, entry.value);
  record.newest.store(ref, std::memory_order_release);
}

Found FindVersion(const Arena& arena, const KeyRecord& record, SequenceNumber as_of,
                  ArenaRef newest) {
  ArenaRef ref = newest;
  while (ref != kNoRef) {
    const auto* version = arena.At<const VersionRecord>(ref);
    if (TagSequence(version->tag) <= as_of) {
      return version->state();
    }
    const ArenaRef jump = version->jump;
    const std::uint64_t jump_tag =
        jump == kNoRef ? record.tag : arena.At<const VersionRecord>(jump)->tag;
    ref = TagSequence(jump_tag) > as_of ? jump : version->older;
  }
  if (TagSequence(record.tag) > as_of) {
    return std::nullopt;
  }
  return record.first();
}

}  // namespace firn
