// SPDX-License-Identifier: Apache-2.0
//
// Where a node keeps its data: a directory that was named, which stays, or a fresh one of its own
// under $TMPDIR, which is removed with all its files at the end. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "firn/result.h"
#include "io/file_system.h"

namespace firn::node {

class DataDirectory {
 public:
  static DataDirectory Named(std::string path) { return DataDirectory(std::move(path), nullptr); }
  // kIo when none can be made.
  static Result<DataDirectory> Temporary(std::shared_ptr<FileSystem> files);

  DataDirectory(DataDirectory&&) noexcept = default;
  ~DataDirectory();

  const std::string& path() const { return path_; }

  // Removes it now if it is temporary. When nothing uses it any more. Errors of the first file that
  // cannot be removed.
  Result<void> Remove();

 private:
  DataDirectory(std::string path, std::shared_ptr<FileSystem> files)
      : path_(std::move(path)), files_(std::move(files)) {}

  std::string path_;
  std::shared_ptr<FileSystem> files_;  // Null for a directory that stays.
};

}  // namespace firn::node
