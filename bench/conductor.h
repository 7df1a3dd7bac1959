// SPDX-License-Identifier: Apache-2.0
//
// Runs jobs, each in a process of its own made from this program, and gathers their rows. The
// process says what it is at and what it found in lines of JSON on a pipe. A signal to end ends the
// process too; no directory or cgroup stays behind.
#pragma once

#include <string>
#include <vector>

#include "options.h"
#include "report.h"

namespace firn::bench {

class Conductor {
 public:
  // `arguments` are those of this program, for the processes to read again.
  Conductor(const BenchOptions& options, std::vector<std::string> arguments, Report& report)
      : options_(options), arguments_(std::move(arguments)), report_(report) {}

  // Below this directory, which exists. A job that fails is noted in the report, and the rest goes
  // on. False: the user asked for an end.
  bool RunAll(const std::string& directory);

 private:
  bool RunOne(std::size_t index, const std::string& directory);
  pid_t Start(const std::vector<std::string>& words, const std::string& group_file,
              int& pipe) const;
  bool ReadRows(int pipe, pid_t process);
  void TakeLine(const std::string& line);
  void ShowProgress();

  const BenchOptions& options_;
  const std::vector<std::string> arguments_;
  Report& report_;
  std::vector<PlannedJob> jobs_;
  std::size_t index_ = 0;
  std::string at_;  // The row that runs.
  SteadyClock::time_point began_;
  SteadyClock::time_point shown_;
};

// The other side: runs the job that the options name, and writes its lines to standard output.
void RunAsJob(const BenchOptions& options);

}  // namespace firn::bench
