// SPDX-License-Identifier: Apache-2.0
//
// Log segments on the machine's file systems: space from fallocate(2), so that a later store or
// write needs no new blocks, and one of two ways to the page cache, a system call for each commit
// or a mapping that slides along the file. Which file systems keep the promise that a mapping needs
// is decided here.
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"

namespace firn::posix {

Result<std::unique_ptr<LogFile>> CreateLogFile(const std::string& path, std::uint64_t capacity,
                                               WalAppend way);
Result<std::unique_ptr<LogFile>> RecycleLogFile(const std::string& from, const std::string& path,
                                                std::uint64_t capacity, WalAppend way);

}  // namespace firn::posix
