// SPDX-License-Identifier: Apache-2.0
#include "replica/unsynced_mark.h"

#include <algorithm>

#include "base/propagate.h"

namespace firn {
namespace {

std::string PathOf(const std::string& directory, const std::string& boot_id) {
  return JoinPath(directory, std::string(kUnsyncedMarkPrefix) + boot_id);
}

}  // namespace

Result<std::vector<std::string>> ReadUnsyncedMarks(FileSystem& files,
                                                   const std::string& directory) {
  FIRN_TRY_ASSIGN(const auto names, files.List(directory));
  std::vector<std::string> boot_ids;
  for (const std::string& name : names) {
    if (name.starts_with(kUnsyncedMarkPrefix)) {
      boot_ids.push_back(name.substr(kUnsyncedMarkPrefix.size()));
    }
  }
  return boot_ids;
}

Result<void> MarkUnsynced(FileSystem& files, const std::string& directory,
                          const std::string& boot_id) {
  FIRN_TRY_ASSIGN(const auto marked, ReadUnsyncedMarks(files, directory));
  if (std::find(marked.begin(), marked.end(), boot_id) == marked.end()) {
    FIRN_TRY_ASSIGN(const auto file, files.CreateAppendable(PathOf(directory, boot_id)));
    FIRN_TRY(file->Close());
    FIRN_TRY(files.SyncDirectory(directory));
  }
  for (const std::string& other : marked) {
    if (other != boot_id) {
      FIRN_TRY(files.Delete(PathOf(directory, other)));
    }
  }
  return files.SyncDirectory(directory);
}

Result<void> RemoveUnsyncedMarks(FileSystem& files, const std::string& directory) {
  FIRN_TRY_ASSIGN(const auto marked, ReadUnsyncedMarks(files, directory));
  for (const std::string& boot_id : marked) {
    FIRN_TRY(files.Delete(PathOf(directory, boot_id)));
  }
  return marked.empty() ? Result<void>() : files.SyncDirectory(directory);
}

}  // namespace firn
