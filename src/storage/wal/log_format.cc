// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_format.h"

#include <charconv>

#include "base/check.h"

namespace firn {

namespace {
constexpr std::string_view kSuffix = ".wal";
constexpr std::size_t kDigitsMin = 6;
constexpr std::size_t kDigitsMax = 19;
}  // namespace

std::string WalFileName(WalNumber number) {
  std::string digits = std::to_string(number.value);
  if (digits.size() < kDigitsMin) {
    digits.insert(0, kDigitsMin - digits.size(), '0');
  }
  return digits.append(kSuffix);
}

// Exactly the names that WalFileName makes, so that no two names mean one number.
std::optional<WalNumber> ParseWalFileName(std::string_view name) {
  if (!name.ends_with(kSuffix) || name.size() > kDigitsMax + kSuffix.size()) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(0, name.size() - kSuffix.size());
  WalNumber number;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number.value);
  if (error != std::errc() || end != digits.data() + digits.size() || number.value == 0 ||
      WalFileName(number) != name) {
    return std::nullopt;
  }
  return number;
}

namespace wal {
namespace {

constexpr std::size_t kCrcOffset = 12;

std::uint32_t CrcOfSegmentHeader(std::string_view bytes) {
  constexpr std::size_t kAfter = kCrcOffset + sizeof(std::uint32_t);
  return Crc32c(bytes.substr(kAfter, kSegmentHeaderBytes - kAfter),
                Crc32c(bytes.substr(0, kCrcOffset)));
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kMagic);
  PutLittle(bytes, kFormatVersion);
  PutLittle(bytes, std::uint32_t{0});
  PutLittle(bytes, header.number.value);
  PutLittle(bytes, header.capacity);
  PutLittle(bytes, header.predecessor.position);
  PutLittle(bytes, header.predecessor.segment.value);
  PutLittle(bytes, header.predecessor.offset);
  PutLittle(bytes, header.predecessor.running_crc);
  PutLittle(bytes, std::uint32_t{0});
  PutLittle(bytes, header.unsynced);
  PutLittle(bytes, header.durable_manifest.manifest.value);
  PutLittle(bytes, header.durable_manifest.edit);
  PutLittle(bytes, std::uint64_t{0});
  FIRN_CHECK(bytes.size() == kSegmentHeaderBytes, bytes.size());
  StoreLittle(bytes.data() + kCrcOffset, CrcOfSegmentHeader(bytes));
  return bytes;
}

Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) {
    return Error{ErrorCode::kCorruption, "no segment header"};
  }
  Decoder decoder(bytes.substr(kMagic.size(), kSegmentHeaderBytes - kMagic.size()));
  const auto version = decoder.Little<std::uint32_t>();
  SegmentHeader header;
  header.crc = decoder.Little<std::uint32_t>();
  if (header.crc != CrcOfSegmentHeader(bytes)) {
    return Error{ErrorCode::kCorruption, "segment header checksum does not match"};
  }
  if (version != kFormatVersion) {
    return Error{ErrorCode::kUnsupported, "log format version " + std::to_string(version) +
                                              ", this program reads version " +
                                              std::to_string(kFormatVersion)};
  }
  header.number.value = decoder.Little<std::uint64_t>();
  header.capacity = decoder.Little<std::uint64_t>();
  header.predecessor.position = decoder.Little<std::uint64_t>();
  header.predecessor.segment.value = decoder.Little<std::uint64_t>();
  header.predecessor.offset = decoder.Little<std::uint64_t>();
  header.predecessor.running_crc = decoder.Little<std::uint32_t>();
  const auto features = decoder.Little<std::uint32_t>();
  header.unsynced = decoder.Little<std::uint64_t>();
  header.durable_manifest.manifest.value = decoder.Little<std::uint64_t>();
  header.durable_manifest.edit = decoder.Little<std::uint64_t>();
  if (features != 0) {
    return Error{ErrorCode::kUnsupported,
                 "log feature bits " + std::to_string(features) + " are not known"};
  }
  return header;
}

// No kind is 0: zeros are never a header, even where their checksum happens to be 0.
bool IsRecordHeader(const char* bytes, RecordPlace place) {
  return bytes[kRecordHeaderBytes - 1] != 0 &&
         LoadLittle<std::uint32_t>(bytes) == HeaderCrc(bytes, place);
}

RecordHeader LoadRecordHeader(const char* bytes) {
  const auto sequence_and_kind = LoadLittle<std::uint64_t>(bytes + 16);
  return {.kind = static_cast<RecordKind>(sequence_and_kind >> 56),
          .first = {sequence_and_kind & kSequenceMax.value},
          .length = LoadLittle<std::uint32_t>(bytes + 8),
          .unsynced = LoadLittle<std::uint32_t>(bytes + 12),
          .running_crc = LoadLittle<std::uint32_t>(bytes + 4)};
}

std::string_view Name(RecordKind kind) {
  switch (kind) {
    case RecordKind::kBatch: return "batch";
    case RecordKind::kMarker: return "marker";
    case RecordKind::kRaftEntry: return "raft entry";
  }
  return "unknown";
}

}  // namespace wal
}  // namespace firn
