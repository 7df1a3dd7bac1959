// SPDX-License-Identifier: Apache-2.0
//
// Files opened for reading, of which there may be more than the process may have descriptors. Each
// keeps its path; when descriptors run out, those not used for longest and not being read at the
// moment are closed, and open again by themselves at their next read. That is sound because a file
// is not unlinked or replaced while a ReadableFile of it lives.
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"

namespace firn::posix {

Result<std::unique_ptr<ReadableFile>> OpenReadableFile(const std::string& path);

// Closes some idle readable files, least recently used first. False when there was none to close.
// Thread-safe.
bool CloseIdleReadableFiles();

}  // namespace firn::posix
