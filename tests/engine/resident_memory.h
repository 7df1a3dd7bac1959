// SPDX-License-Identifier: Apache-2.0
//
// The memory this process holds, as the system counts it: field "resident" of /proc/self/statm. It
// counts anonymous pages, wherever they come from and whether or not an allocator has them in use,
// and pages of files that are mapped. Of those the log's are dirty and cannot be dropped, so they
// must count; the rest are the program's own text, which a measurement leaves out by calling
// everything once before it takes its baseline. Files that are read and not mapped are in no
// process's count. Thread-safe; a sample costs about a microsecond.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <string_view>

#include "base/check.h"

namespace firn {

class ResidentMemory {
 public:
  ResidentMemory() : descriptor_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {
    FIRN_CHECK(descriptor_ >= 0);
  }
  ~ResidentMemory() { ::close(descriptor_); }
  ResidentMemory(const ResidentMemory&) = delete;
  ResidentMemory& operator=(const ResidentMemory&) = delete;

  std::size_t Bytes() const {
    char text[128];
    const ssize_t length = ::pread(descriptor_, text, sizeof(text), 0);
    FIRN_CHECK(length > 0);
    const std::string_view fields(text, static_cast<std::size_t>(length));
    const std::string_view second = fields.substr(fields.find(' ') + 1);
    std::size_t pages = 0;
    const auto parsed = std::from_chars(second.data(), second.data() + second.size(), pages);
    FIRN_CHECK(parsed.ec == std::errc());
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }

 private:
  const int descriptor_;
};

}  // namespace firn
