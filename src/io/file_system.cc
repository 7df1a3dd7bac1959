// SPDX-License-Identifier: Apache-2.0
#include "io/file_system.h"

#include "base/propagate.h"

namespace firn {

Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path) {
  FIRN_TRY_ASSIGN(const auto file, files.OpenReadable(path));
  FIRN_TRY_ASSIGN(const std::uint64_t size, file->Size());
  std::string content(size, '\0');
  FIRN_TRY_ASSIGN(const std::size_t count, file->Read(0, content));
  content.resize(count);
  return content;
}

}  // namespace firn
