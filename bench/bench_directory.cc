// SPDX-License-Identifier: Apache-2.0
#include "bench_directory.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace firn::bench {

BenchDirectory::~BenchDirectory() {
  std::error_code ignored;
  if (!is_kept_ && !path_.empty()) {
    std::filesystem::remove_all(path_, ignored);
  }
}

Result<void> BenchDirectory::Make(const std::string& parent) {
  const std::string above = parent.empty() ? "/var/tmp" : parent;
  std::string path = above + "/firn-bench-XXXXXX";
  std::error_code failed;
  std::filesystem::create_directories(above, failed);
  if (failed) {
    return Error{ErrorCode::kIo, above + ": " + failed.message()};
  }
  if (::mkdtemp(path.data()) == nullptr) {
    return Error{ErrorCode::kIo, path + ": " + std::generic_category().message(errno)};
  }
  path_ = path;
  return {};
}

}  // namespace firn::bench
