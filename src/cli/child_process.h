// SPDX-License-Identifier: Apache-2.0
//
// A process that belongs to this object: it stands in a process group of its own, so that Ctrl-C
// reaches the parent alone, writes to a log file, and outlives neither the object nor, since the
// kernel sees to it, the thread that started it. For one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "firn/result.h"

namespace firn::cli {

class ChildProcess {
 public:
  // None.
  ChildProcess() = default;
  // The first word is the program's path; what it says is appended to `log`. A program that cannot
  // be run ends at once, with exit code 127. kIo.
  static Result<ChildProcess> Start(std::vector<std::string> words, const std::string& log);
  ChildProcess(ChildProcess&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  // As Kill.
  ~ChildProcess() { Kill(); }

  // -1: there is none, or none any more.
  pid_t id() const { return id_; }
  // Whether there is none; takes note of one that has ended by itself.
  bool HasEnded();
  // Nothing happens to none.
  void Signal(int signal);
  // kill -9, and waits until it is gone.
  void Kill();

 private:
  explicit ChildProcess(pid_t id) : id_(id) {}

  pid_t id_ = -1;
};

// Asks all to end, also those that are stopped, waits that long and kills the rest.
void EndAll(const std::vector<ChildProcess*>& processes, std::chrono::milliseconds patience);

// The path of the program that runs. kIo.
Result<std::string> OwnProgram();

}  // namespace firn::cli
