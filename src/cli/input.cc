// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include <cerrno>
#include <memory>
#include <system_error>

namespace firn::cli {
namespace {

Error Failed(const std::string& name) {
  return {errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
          name + ": " + std::generic_category().message(errno)};
}

Result<std::string> ReadAll(const std::string& name, std::FILE* file) {
  std::string bytes;
  char buffer[65536];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file)) {
    bytes.append(buffer, count);
    if (bytes.size() > kInputBytesMax) {
      return Error{ErrorCode::kInvalidArgument,
                   name + ": more than " + std::to_string(kInputBytesMax) + " bytes"};
    }
  }
  if (std::ferror(file) != 0) {
    return Failed(name);
  }
  return bytes;
}

}  // namespace

Result<std::string> ReadInput(const std::string& path, std::FILE* standard_input) {
  if (path.empty() || path == "-") {
    return ReadAll("standard input", standard_input);
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  return file ? ReadAll(path, file.get()) : Failed(path);
}

}  // namespace firn::cli
