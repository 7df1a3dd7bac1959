// SPDX-License-Identifier: Apache-2.0
#include "node/data_directory.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/propagate.h"

namespace firn::node {

Result<DataDirectory> DataDirectory::Temporary(std::shared_ptr<FileSystem> files) {
  const char* const parent = std::getenv("TMPDIR");
  std::string path =
      JoinPath(parent == nullptr || *parent == '\0' ? "/tmp" : parent, "firn-node-XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) {
    return Error{ErrorCode::kIo, "make a temporary directory " + path + ": " +
                                     std::generic_category().message(errno)};
  }
  return DataDirectory(std::move(path), std::move(files));
}

DataDirectory::~DataDirectory() { static_cast<void>(Remove()); }

Result<void> DataDirectory::Remove() {
  const std::shared_ptr<FileSystem> files = std::exchange(files_, nullptr);
  if (files == nullptr) {
    return {};
  }
  FIRN_TRY_ASSIGN(const std::vector<std::string> names, files->List(path_));
  for (const std::string& name : names) {
    FIRN_TRY(files->Delete(JoinPath(path_, name)));
  }
  return files->DeleteDirectory(path_);
}

}  // namespace firn::node
