// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/printable.h"
#include "cli/commands.h"
#include "io/posix_file_system.h"
#include "storage/table/table.h"

namespace firn::cli {

int InspectTable(const std::string& path) {
  constexpr std::size_t kCacheBytes = std::size_t{1} << 20;
  auto table = Table::Open(*PosixFileSystem(), path, std::make_shared<BlockCache>(kCacheBytes));
  if (!table) {
    return Fail("inspect table", table.error());
  }
  const TableProperties& about = (*table)->properties();
  auto number = [](const char* name, std::uint64_t value) {
    std::printf("%-18s %llu\n", name, static_cast<unsigned long long>(value));
  };
  std::printf("%-18s %016llx\n", "table id", static_cast<unsigned long long>((*table)->id()));
  number("file bytes", about.file_bytes);
  number("entries", about.entry_count);
  number("tombstones", about.tombstone_count);
  number("key bytes", about.key_bytes);
  number("value bytes", about.value_bytes);
  number("blocks", about.block_count);
  number("filter bits", about.filter_bits);
  number("smallest sequence", about.smallest_sequence.value);
  number("largest sequence", about.largest_sequence.value);
  std::printf("%-18s %s\n", "smallest key", Printable(about.smallest_key).c_str());
  std::printf("%-18s %s\n", "largest key", Printable(about.largest_key).c_str());
  const Result<std::uint64_t> verified = (*table)->Verify();
  if (!verified) {
    return Fail("inspect table", verified.error());
  }
  std::printf("%-18s %llu bytes of blocks, all sound\n", "verified",
              static_cast<unsigned long long>(*verified));
  return kOk;
}

}  // namespace firn::cli
