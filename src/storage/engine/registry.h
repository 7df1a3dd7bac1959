// SPDX-License-Identifier: Apache-2.0
//
// The locks that this process holds on database directories, so that an opening refused for one of
// them can say how many handles keep it. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "firn/result.h"
#include "io/file_system.h"

namespace firn {

// Notes a lock that its handles share. Null, for a read-only database, is not noted.
void RegisterLock(const FileSystem* files, const std::string& directory,
                  const std::shared_ptr<const FileLock>& lock);

// kBusy for a directory whose LOCK is held: by how many handles of this process, or by another one.
Error BusyError(const FileSystem* files, const std::string& directory);

}  // namespace firn
