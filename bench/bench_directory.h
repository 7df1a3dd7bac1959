// SPDX-License-Identifier: Apache-2.0
//
// The directory that a benchmark puts its data into.
#pragma once

#include <string>

#include "firn/result.h"

namespace firn::bench {

// Goes with this object, unless it is kept.
class BenchDirectory {
 public:
  explicit BenchDirectory(bool is_kept = false) : is_kept_(is_kept) {}
  ~BenchDirectory();
  BenchDirectory(const BenchDirectory&) = delete;
  BenchDirectory& operator=(const BenchDirectory&) = delete;

  // A new one in `parent`, which is made if need be; without it where files stay on disk, as they
  // need not in /tmp. kIo.
  Result<void> Make(const std::string& parent);
  const std::string& path() const { return path_; }

 private:
  const bool is_kept_;
  std::string path_;
};

}  // namespace firn::bench
