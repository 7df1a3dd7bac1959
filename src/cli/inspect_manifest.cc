// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/printable.h"
#include "cli/commands.h"
#include "io/posix_file_system.h"
#include "storage/version/manifest.h"

namespace firn::cli {
namespace {

void PrintNumber(const char* name, std::uint64_t value) {
  std::printf("  %s %llu\n", name, static_cast<unsigned long long>(value));
}

void PrintEdit(std::size_t number, const VersionEdit& edit) {
  std::printf("edit %zu\n", number);
  for (const VersionEdit::Removed& removed : edit.removed) {
    std::printf("  - L%d %s\n", removed.level, Describe(removed.table).c_str());
  }
  for (const VersionEdit::Added& added : edit.added) {
    std::printf("  + L%d %s %llu entries %llu bytes [%s .. %s]\n", added.level,
                Describe(added.table.name).c_str(),
                static_cast<unsigned long long>(added.table.properties.entry_count),
                static_cast<unsigned long long>(added.table.bytes()),
                Printable(added.table.smallest_key()).c_str(),
                Printable(added.table.largest_key()).c_str());
  }
  if (edit.next_table) {
    PrintNumber("next table", edit.next_table->value);
  }
  if (edit.min_wal) {
    PrintNumber("oldest log segment", edit.min_wal->value);
  }
  if (edit.last_sequence) {
    PrintNumber("last sequence", edit.last_sequence->value);
  }
  if (edit.applied_index) {
    PrintNumber("applied index", *edit.applied_index);
  }
  if (edit.replica_state) {
    PrintNumber("bytes of replica state", edit.replica_state->size());
  }
}

}  // namespace

int InspectManifest(const std::string& path) {
  const auto number = ParseManifestName(SplitPath(path).name);
  if (!number) {
    return Fail("inspect manifest", {ErrorCode::kInvalidArgument,
                                     path + ": not a manifest's name, such as MANIFEST-000001"});
  }
  const Result<std::string> bytes = ReadWholeFile(*PosixFileSystem(), path);
  if (!bytes) {
    return Fail("inspect manifest", bytes.error());
  }
  const Result<ManifestContent> content = ParseManifest(*bytes, *number);
  if (!content) {
    return Fail("inspect manifest", content.error());
  }
  for (std::size_t i = 0; i < content->edits.size(); ++i) {
    PrintEdit(i + 1, content->edits[i]);
  }
  std::printf("%zu edits in %llu bytes\n", content->edits.size(),
              static_cast<unsigned long long>(content->valid_bytes));
  if (content->valid_bytes < bytes->size()) {
    return Fail("inspect manifest",
                {ErrorCode::kCorruption, path + " @" + std::to_string(content->valid_bytes) +
                                             ": no whole edit in the last " +
                                             std::to_string(bytes->size() - content->valid_bytes) +
                                             " bytes, torn or being written"});
  }
  return kOk;
}

}  // namespace firn::cli
