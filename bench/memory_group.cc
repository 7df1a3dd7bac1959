// SPDX-License-Identifier: Apache-2.0
#include "memory_group.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace firn::bench {
namespace {

Error Unsupported(const std::string& what) {
  return {ErrorCode::kUnsupported, "no limit of memory: " + what};
}

bool WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

// Where groups for memory are made, and the file of the limit in each.
struct Place {
  std::string directory;
  std::string limit_file;
};

// The own group of version 1, as /proc/self/cgroup has it: "4:memory:/path".
std::string OwnGroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find(":memory:");
    if (at != std::string::npos) {
      return line.substr(at + 8);
    }
  }
  return "";
}

Result<Place> FindPlace() {
  std::ifstream mounts("/proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string directory;
    std::string type;
    std::string flags;
    words >> device >> directory >> type >> flags;
    if (type == "cgroup" && ("," + flags + ",").find(",memory,") != std::string::npos) {
      const std::string own = directory + OwnGroup();
      return Place{.directory = ::access(own.c_str(), W_OK) == 0 ? own : directory,
                   .limit_file = "memory.limit_in_bytes"};
    }
    std::string controllers;
    if (type == "cgroup2" &&
        std::getline(std::ifstream(directory + "/cgroup.controllers"), controllers) &&
        (" " + controllers + " ").find(" memory ") != std::string::npos) {
      WriteFile(directory + "/cgroup.subtree_control", "+memory");  // As a rule it is there.
      return Place{.directory = directory, .limit_file = "memory.max"};
    }
  }
  return Unsupported("no cgroup with a memory controller is mounted");
}

}  // namespace

Result<MemoryGroup> MemoryGroup::Make(std::uint64_t limit_bytes) {
  static int count = 0;
  Result<Place> place = FindPlace();
  if (!place) {
    return place.error();
  }
  const std::string path = place->directory + "/firn-bench-" + std::to_string(::getpid()) + "-" +
                           std::to_string(++count);
  if (::mkdir(path.c_str(), 0755) != 0) {
    return Unsupported(path + ": " + std::generic_category().message(errno) + "; run as root");
  }
  MemoryGroup group(path);
  if (!WriteFile(path + "/" + place->limit_file, std::to_string(limit_bytes))) {
    return Unsupported(path + "/" + place->limit_file + " takes no limit");
  }
  WriteFile(path + "/memory.swap.max", "0");  // Of version 2.
  return group;
}

MemoryGroup::~MemoryGroup() {
  if (!path_.empty()) {
    ::rmdir(path_.c_str());
  }
}

}  // namespace firn::bench
