// SPDX-License-Identifier: Apache-2.0
//
// The machine's own files. One instance serves the whole process; it holds no state but the list of
// readable files whose descriptors may be given up (posix_readable_file.h). Thread-safe.
#pragma once

#include <memory>

#include "io/file_system.h"

namespace firn {

std::shared_ptr<FileSystem> PosixFileSystem();

}  // namespace firn
