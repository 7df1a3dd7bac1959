// SPDX-License-Identifier: Apache-2.0
#include "storage/table/table_format.h"

#include <array>
#include <bit>
#include <cstdio>

#include "base/coding.h"
#include "base/hash.h"

namespace firn::table_format {
namespace {

// Tags of properties. Unknown ones are skipped: what a reader must not skip gets a feature bit.
enum class Tag : std::uint8_t {
  kEntryCount = 1,
  kTombstoneCount = 2,
  kKeyBytes = 3,
  kValueBytes = 4,
  kBlockCount = 5,
  kFilterProbes = 6,
  kSmallestSequence = 7,
  kLargestSequence = 8,
  kSmallestKey = 9,
  kLargestKey = 10,
  kCreation = 11,
  kSection = 12,
};

constexpr std::array<std::string_view, 6> kReservedFeatures = {
    "range tombstones", "merge operands",         "expiring entries",
    "blob references",  "compression dictionary", "partitioned index"};

std::string Hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::uint64_t Checksum(std::string_view bytes, std::uint64_t table_id, std::uint64_t offset) {
  return Hash64(bytes) ^ Mix64(table_id, offset);
}

Error Bad(std::string what) { return {ErrorCode::kCorruption, std::move(what)}; }

void PutNumber(std::string& out, Tag tag, std::uint64_t value) {
  PutVarint(out, static_cast<std::uint64_t>(tag));
  PutVarint(out, VarintBytes(value));
  PutVarint(out, value);
}

void PutBytes(std::string& out, Tag tag, std::string_view bytes) {
  PutVarint(out, static_cast<std::uint64_t>(tag));
  PutString(out, bytes);
}

void PutSection(std::string& out, SectionKind kind, const Extent& extent) {
  std::string field;
  PutVarint(field, static_cast<std::uint64_t>(kind));
  PutVarint(field, extent.offset);
  PutVarint(field, extent.stored_bytes);
  PutBytes(out, Tag::kSection, field);
}

std::string FeatureName(unsigned bit) {
  std::string name = "feature bit " + std::to_string(bit);
  if (bit < kReservedFeatures.size()) {
    name.append(" (").append(kReservedFeatures[bit]).append(")");
  }
  return name;
}

Result<void> TakeSection(std::string_view field, Description& description) {
  Decoder decoder(field);
  const std::uint64_t kind = decoder.Varint();
  const Extent extent{.offset = decoder.Varint(), .stored_bytes = decoder.Varint()};
  if (!decoder.ok() || !decoder.done()) {
    return Bad("properties with a malformed section");
  }
  if (kind == static_cast<std::uint64_t>(SectionKind::kFilter)) {
    description.filter = extent;
  } else if (kind == static_cast<std::uint64_t>(SectionKind::kIndex)) {
    description.index = extent;
  } else {
    return Error{ErrorCode::kUnsupported,
                 "section of kind " + std::to_string(kind) + ", this version knows 1 and 2"};
  }
  return {};
}

// Where the number of a tag belongs; null for tags that are not numbers or not known.
std::uint64_t* NumberOf(std::uint64_t tag, Description& description, std::uint64_t& probes) {
  TableProperties& properties = description.properties;
  switch (static_cast<Tag>(tag)) {
    case Tag::kEntryCount: return &properties.entry_count;
    case Tag::kTombstoneCount: return &properties.tombstone_count;
    case Tag::kKeyBytes: return &properties.key_bytes;
    case Tag::kValueBytes: return &properties.value_bytes;
    case Tag::kBlockCount: return &properties.block_count;
    case Tag::kFilterProbes: return &probes;
    case Tag::kSmallestSequence: return &properties.smallest_sequence.value;
    case Tag::kLargestSequence: return &properties.largest_sequence.value;
    case Tag::kCreation: return &description.creation;
    default: return nullptr;
  }
}

}  // namespace

void PutTrailer(std::string& out, std::size_t section_start, Codec codec, Place place) {
  out.push_back(static_cast<char>(codec));
  const std::string_view covered = std::string_view(out).substr(section_start);
  PutLittle(out, Checksum(covered, place.table_id, place.offset));
}

Result<Codec> CheckTrailer(std::string_view stored, std::uint64_t table_id, std::uint64_t offset) {
  if (stored.size() < kTrailerBytes) {
    return Bad("only " + std::to_string(stored.size()) + " bytes where a trailer has 9");
  }
  const std::size_t covered = stored.size() - sizeof(std::uint64_t);
  const std::uint64_t got = Checksum(stored.substr(0, covered), table_id, offset);
  const auto want = LoadLittle<std::uint64_t>(stored.data() + covered);
  if (got != want) {
    return Bad("checksum " + Hex(got) + " want " + Hex(want));
  }
  return static_cast<Codec>(stored[covered - 1]);
}

// table_id:u64 properties_offset:u64 properties_bytes:u64 features:u32 version:u32 checksum:u64
// magic:u64
void PutFooter(std::string& out, const Footer& footer, std::uint64_t offset) {
  const std::size_t start = out.size();
  PutLittle(out, footer.table_id);
  PutLittle(out, footer.properties.offset);
  PutLittle(out, footer.properties.stored_bytes);
  PutLittle(out, footer.features);
  PutLittle(out, footer.version);
  PutLittle(out, Checksum(std::string_view(out).substr(start), footer.table_id, offset));
  PutLittle(out, kMagic);
}

Result<Footer> ParseFooter(std::string_view bytes, std::uint64_t offset) {
  Decoder decoder(bytes);
  Footer footer;
  footer.table_id = decoder.Little<std::uint64_t>();
  footer.properties.offset = decoder.Little<std::uint64_t>();
  footer.properties.stored_bytes = decoder.Little<std::uint64_t>();
  footer.features = decoder.Little<std::uint32_t>();
  footer.version = decoder.Little<std::uint32_t>();
  const auto want = decoder.Little<std::uint64_t>();
  const auto magic = decoder.Little<std::uint64_t>();
  if (!decoder.ok() || magic != kMagic) {
    return Bad("not a table: magic " + Hex(magic) + " want " + Hex(kMagic));
  }
  const std::uint64_t got = Checksum(bytes.substr(0, kFooterBytes - 16), footer.table_id, offset);
  if (got != want) {
    return Bad("footer checksum " + Hex(got) + " want " + Hex(want));
  }
  if (footer.version != kVersion) {
    return Error{ErrorCode::kUnsupported, "table format version " + std::to_string(footer.version) +
                                              ", this version reads " + std::to_string(kVersion)};
  }
  if (footer.features != 0) {
    const auto bit = static_cast<unsigned>(std::countr_zero(footer.features));
    return Error{ErrorCode::kUnsupported, FeatureName(bit) + ", this version knows none"};
  }
  if (footer.properties.offset > offset ||
      footer.properties.stored_bytes != offset - footer.properties.offset) {
    return Bad("properties @" + std::to_string(footer.properties.offset) + " of " +
               std::to_string(footer.properties.stored_bytes) + " bytes do not end at the footer");
  }
  return footer;
}

void PutDescription(std::string& out, const Description& description) {
  const TableProperties& properties = description.properties;
  PutNumber(out, Tag::kEntryCount, properties.entry_count);
  PutNumber(out, Tag::kTombstoneCount, properties.tombstone_count);
  PutNumber(out, Tag::kKeyBytes, properties.key_bytes);
  PutNumber(out, Tag::kValueBytes, properties.value_bytes);
  PutNumber(out, Tag::kBlockCount, properties.block_count);
  PutNumber(out, Tag::kFilterProbes, description.filter_probes);
  PutNumber(out, Tag::kSmallestSequence, properties.smallest_sequence.value);
  PutNumber(out, Tag::kLargestSequence, properties.largest_sequence.value);
  PutBytes(out, Tag::kSmallestKey, properties.smallest_key);
  PutBytes(out, Tag::kLargestKey, properties.largest_key);
  PutNumber(out, Tag::kCreation, description.creation);
  PutSection(out, SectionKind::kFilter, description.filter);
  PutSection(out, SectionKind::kIndex, description.index);
}

Result<Description> ParseDescription(std::string_view bytes) {
  Description description;
  std::uint64_t probes = 0;
  Decoder decoder(bytes);
  while (decoder.ok() && !decoder.done()) {
    const std::uint64_t tag = decoder.Varint();
    const std::string_view field = decoder.String();
    if (!decoder.ok()) {
      break;
    }
    if (std::uint64_t* number = NumberOf(tag, description, probes)) {
      Decoder value(field);
      *number = value.Varint();
      if (!value.ok() || !value.done()) {
        return Bad("properties with a malformed number, tag " + std::to_string(tag));
      }
    } else if (tag == static_cast<std::uint64_t>(Tag::kSmallestKey)) {
      description.properties.smallest_key = field;
    } else if (tag == static_cast<std::uint64_t>(Tag::kLargestKey)) {
      description.properties.largest_key = field;
    } else if (tag == static_cast<std::uint64_t>(Tag::kSection)) {
      if (auto taken = TakeSection(field, description); !taken) {
        return std::move(taken).error();
      }
    }
  }
  if (!decoder.ok() || probes > UINT8_MAX) {
    return Bad("malformed properties of " + std::to_string(bytes.size()) + " bytes");
  }
  description.filter_probes = static_cast<std::uint32_t>(probes);
  return description;
}

}  // namespace firn::table_format
