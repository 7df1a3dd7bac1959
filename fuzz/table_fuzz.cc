// SPDX-License-Identifier: Apache-2.0
//
// A whole table file, damaged where the input says: opening, finding, walking both ways, scanning
// and verifying give the values that were written or an error, never another value.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/check.h"
#include "io/memory_file_system.h"
#include "storage/read_scope.h"
#include "storage/table/table_cursor.h"
#include "storage/table/table_scan.h"
#include "storage/table/table_writer.h"

namespace {

constexpr const char* kPath = "/L0_001.sst";

struct Written {
  std::map<std::string, std::string> content;
  std::string bytes;
};

const Written& TheTable() {
  static const Written written = [] {
    Written made;
    firn::MemoryFileSystem files;
    auto writer = firn::TableWriter::Create({.files = files,
                                             .path = kPath,
                                             .table_id = 42,
                                             .block_bytes = 1 << 10,
                                             .compression = firn::Compression::kLz4});
    FIRN_CHECK(writer.has_value());
    for (int i = 0; i < 200; ++i) {
      const std::string key = "key" + std::to_string(1000 + i);
      const std::string value(static_cast<std::size_t>(i % 40), static_cast<char>('a' + i % 26));
      made.content[key] = value;
      FIRN_CHECK((*writer)
                     ->Add({.key = key,
                            .sequence = {static_cast<std::uint64_t>(i + 1)},
                            .kind = firn::Kind::kPut,
                            .value = value})
                     .has_value());
    }
    FIRN_CHECK((*writer)->Finish().has_value());
    made.bytes = firn::ReadWholeFile(files, kPath).value();
    return made;
  }();
  return written;
}

// Triples of (offset high, offset low, mask), then perhaps a length to cut to.
std::string Damage(std::string bytes, std::string_view input) {
  for (; input.size() >= 3; input.remove_prefix(3)) {
    const std::size_t at = (static_cast<std::uint8_t>(input[0]) * std::size_t{256} +
                            static_cast<std::uint8_t>(input[1])) %
                           bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ input[2]);
  }
  if (input.size() == 2) {
    bytes.resize(bytes.size() * static_cast<std::uint8_t>(input[0]) / 256 +
                 static_cast<std::uint8_t>(input[1]) % 2);
  }
  return bytes;
}

class Owner final : public firn::ReadOwner {};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Written& written = TheTable();
  firn::MemoryFileSystem files;
  files.SetContent(kPath, Damage(written.bytes, {reinterpret_cast<const char*>(data), size}));
  auto table = firn::Table::Open(files, kPath, std::make_shared<firn::BlockCache>(1 << 20));
  if (!table) {
    return 0;
  }
  const auto owner = std::make_shared<Owner>();
  for (const auto& [key, value] : written.content) {
    firn::ReadScope scope;
    scope.SetOwner(owner.get());
    firn::TableReadTrace trace;
    const auto found = (*table)->Find(firn::Lookup(key, firn::kSequenceMax), scope, trace);
    FIRN_CHECK(!found || (*found && (**found).value == value), key);
  }
  firn::Table::Cursor cursor(*table, firn::kSequenceMax);
  for (cursor.SeekToLast(); cursor.valid(); cursor.Prev()) {
    FIRN_CHECK(written.content.at(std::string(cursor.key())) == cursor.state().value);
  }
  for (firn::Table::Scan scan(*table); scan.valid(); scan.Next()) {
    FIRN_CHECK(written.content.at(std::string(scan.entry().key)) == scan.entry().value);
  }
  static_cast<void>((*table)->Verify());
  return 0;
}
