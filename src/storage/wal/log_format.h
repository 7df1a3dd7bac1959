// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a log segment, as docs/format/wal.md specifies them: one header, then records, then
// zeros. Two checksums guard a record. The header's own is bound to the segment and the offset, so
// a reader can find records behind damage; the running one continues from record to record, so that
// nothing is accepted that did not follow what was accepted before it.
//
//   0        4         8        12         16            23    24
//   | header | running | length | unsynced | first       | kind | payload, zeros to 8 bytes
//   |  crc   |  crc    |        |          | sequence:56 |      |
//
// What payloads mean is not known here. Thread-safe: no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "base/crc32c.h"
#include "firn/result.h"
#include "storage/wal/log.h"

namespace firn::wal {

inline constexpr std::string_view kMagic = "FIRN-WAL";
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 96;
inline constexpr std::uint64_t kFirstRecord = 4096;  // Offset of the first record of a segment.
inline constexpr std::size_t kRecordHeaderBytes = 24;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::uint64_t kPayloadBytesMax = std::uint64_t{1} << 30;
inline constexpr std::uint32_t kUnsyncedUnknown = 0xFFFFFFFF;

enum class RecordKind : std::uint8_t {
  kBatch = 1,      // Operations of the engine.
  kMarker = 2,     // No payload: only says what is synced.
  kRaftEntry = 3,  // An entry of a replicated log.
};

struct SegmentHeader {
  WalNumber number{};
  std::uint64_t capacity = 0;  // Bytes allocated for the file.
  LogEnd predecessor{};        // Its position is where this segment starts.
  std::uint64_t unsynced = 0;  // Bytes right before this segment not known to be synced.
  ManifestPosition durable_manifest{};
  std::uint32_t crc = 0;  // The header's own, where the running checksum starts. Set by decoding.
};

std::string EncodeSegmentHeader(const SegmentHeader& header);
// kCorruption when it is none or damaged, kUnsupported when it is whole but of another version. The
// context does not name the file.
Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

struct RecordHeader {
  RecordKind kind = RecordKind::kBatch;
  SequenceNumber first{};
  std::uint32_t length = 0;    // Of the payload.
  std::uint32_t unsynced = 0;  // Bytes right before this record not known to be synced.
  std::uint32_t running_crc = 0;
};

// Where a record stands: seeds its header checksum.
struct RecordPlace {
  WalNumber segment;
  std::uint64_t offset = 0;
};

inline std::uint64_t RecordBytes(std::uint64_t payload_bytes) {
  return (kRecordHeaderBytes + payload_bytes + kRecordAlignment - 1) / kRecordAlignment *
         kRecordAlignment;
}

// Writes the fields that both checksums cover, all but the checksums.
inline void StoreRecordFields(char* out, const RecordHeader& header) {
  StoreLittle(out + 8, header.length);
  StoreLittle(out + 12, header.unsynced);
  StoreLittle(out + 16,
              header.first.value | std::uint64_t{static_cast<std::uint8_t>(header.kind)} << 56);
}

// The running checksum over the fields stored at `record`; the payload continues it.
inline std::uint32_t RunningCrcOfFields(const char* record, std::uint32_t running_crc) {
  return Crc32c({record + 8, kRecordHeaderBytes - 8}, running_crc);
}

inline std::uint32_t HeaderCrc(const char* record, RecordPlace place) {
  char seed[16];
  StoreLittle(seed, place.segment.value);
  StoreLittle(seed + 8, place.offset);
  return Crc32c({record + 4, kRecordHeaderBytes - 4}, Crc32c({seed, sizeof seed}));
}

// Writes both checksums next to the fields, once the running one is known.
inline void SealRecordHeader(char* out, RecordPlace place, std::uint32_t running_crc) {
  StoreLittle(out + 4, running_crc);
  StoreLittle(out, HeaderCrc(out, place));
}

// Whether a header that belongs to this place starts here, and its fields if so. Needs
// kRecordHeaderBytes. A header that passes is one that a log wrote here, whatever kind it names.
bool IsRecordHeader(const char* bytes, RecordPlace place);
RecordHeader LoadRecordHeader(const char* bytes);

// "raft entry", "unknown".
std::string_view Name(RecordKind kind);

}  // namespace firn::wal
