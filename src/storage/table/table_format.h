// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a table file around its blocks (docs/format/table.md): sections, their trailers, the
// properties and the footer. The footer has the same place and shape in every version of the
// format, so that any reader can tell damage from a version it does not know.
//
//   block … block | filter | index | properties | footer
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "storage/table/codec.h"
#include "storage/table/table_properties.h"

namespace firn::table_format {

inline constexpr std::uint64_t kMagic = 0x656C6261746E7266;  // "frntable" in the file.
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kFooterBytes = 48;
inline constexpr std::size_t kTrailerBytes = 9;
inline constexpr std::size_t kIndexValueBytes = 16;

// Where a block or section stands: a table, and the offset in its file.
struct Place {
  std::uint64_t table_id;
  std::uint64_t offset;
};

// Every block and section ends with its codec and a checksum over its bytes and the codec, which
// holds in one place of one table only.
void PutTrailer(std::string& out, std::size_t section_start, Codec codec, Place place);
// Checks the trailer at the end of `stored`. kCorruption with both checksums.
Result<Codec> CheckTrailer(std::string_view stored, std::uint64_t table_id, std::uint64_t offset);

// Where a block or a section lies, and how large it is in the file, trailer included.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t stored_bytes = 0;

  std::uint64_t end() const { return offset + stored_bytes; }
};

// A block as the index knows it.
struct BlockExtent {
  std::uint64_t offset = 0;
  std::uint32_t stored_bytes = 0;
  std::uint32_t raw_bytes = 0;  // Decompressed.

  std::uint64_t end() const { return offset + stored_bytes; }
  bool compressed() const { return raw_bytes + kTrailerBytes != stored_bytes; }
};

// Numbers are for ever; a reader refuses those that it does not know.
enum class SectionKind : std::uint8_t {
  kFilter = 1,
  kIndex = 2,
  kReservedRangeTombstones = 3,
  kReservedDictionary = 4,
  kReservedBlobReferences = 5,
};

struct Footer {
  std::uint64_t table_id = 0;
  std::uint32_t version = kVersion;
  std::uint32_t features = 0;  // Bits a reader must know (FeatureName).
  Extent properties;           // Ends where the footer starts.
};

void PutFooter(std::string& out, const Footer& footer, std::uint64_t offset);
// `bytes` are the last kFooterBytes of a file. kCorruption, or kUnsupported for an intact footer of
// a version or with a feature that is unknown here.
Result<Footer> ParseFooter(std::string_view bytes, std::uint64_t offset);

// The properties section: what a reader must know to use the others.
struct Description {
  TableProperties properties;  // Without file_bytes.
  std::uint64_t creation = 0;  // Orders tables for a repair that has no manifest.
  std::uint32_t filter_probes = 0;
  Extent filter;
  Extent index;
};

void PutDescription(std::string& out, const Description& description);
Result<Description> ParseDescription(std::string_view bytes);

}  // namespace firn::table_format
