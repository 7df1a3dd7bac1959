// SPDX-License-Identifier: Apache-2.0
//
// Opening: from a directory to a running engine. The steps, each safe to be cut short by a crash
// and repeated:
//   1. LOCK (not read-only).
//   2. SUPER and the manifest it names, or the making of both where no file of ours is.
//   3. Every live table is there.
//   4. The log is replayed into memtables. Nothing is written so far.
//   5. A new manifest; it never continues one that a crash may have torn.
//   6. A new log segment, which records where its predecessor was found to end.
//   7. Files that nothing names are deleted.
// A read-only open stops after step 4.
#pragma once

#include <memory>
#include <string>

#include "storage/engine/engine.h"

namespace firn {

// What the files in a database directory are, by their names.
struct DirectoryListing {
  std::vector<TableName> tables;
  std::vector<WalNumber> segments;
  std::vector<ManifestNumber> manifests;
  bool has_super = false;
};
Result<DirectoryListing> ListDirectory(FileSystem& files, const std::string& directory);

}  // namespace firn
