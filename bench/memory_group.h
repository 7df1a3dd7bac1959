// SPDX-License-Identifier: Apache-2.0
//
// A limit on the memory of a process, page cache included: a cgroup of its own, of version 1 or 2,
// as the system has it. Needs the right to make one, so root as a rule.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "firn/result.h"

namespace firn::bench {

class MemoryGroup {
 public:
  // kUnsupported says why there can be none.
  static Result<MemoryGroup> Make(std::uint64_t limit_bytes);
  MemoryGroup(MemoryGroup&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  MemoryGroup& operator=(MemoryGroup&&) = delete;
  // Removes it; nobody may be in it any more.
  ~MemoryGroup();

  // Writing "0" to this file puts the writer into the group.
  std::string EntryFile() const { return path_ + "/cgroup.procs"; }

 private:
  explicit MemoryGroup(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace firn::bench
