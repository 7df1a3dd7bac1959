// SPDX-License-Identifier: Apache-2.0
//
// Between fork and exec only async-signal-safe calls are made: other threads run.
#include "cli/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

namespace firn::cli {
namespace {

Error Failed(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::generic_category().message(errno)};
}

// In the child. Never returns.
[[noreturn]] void Become(char* const* words, const char* log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);
  const int none = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (none >= 0 && out >= 0 && ::dup2(none, 0) == 0 && ::dup2(out, 1) == 1 && ::dup2(out, 2) == 2) {
    ::execv(words[0], words);
  }
  ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::Start(std::vector<std::string> words, const std::string& log) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  const pid_t process = ::fork();
  if (process < 0) {
    return Failed("fork");
  }
  if (process == 0) {
    Become(pointers.data(), log.c_str());
  }
  return ChildProcess(process);
}

bool ChildProcess::HasEnded() {
  if (id_ > 0 && ::waitpid(id_, nullptr, WNOHANG) == id_) {
    id_ = -1;
  }
  return id_ < 0;
}

void ChildProcess::Signal(int signal) {
  if (id_ > 0) {
    ::kill(id_, signal);
  }
}

void ChildProcess::Kill() {
  if (id_ > 0) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    id_ = -1;
  }
}

void EndAll(const std::vector<ChildProcess*>& processes, std::chrono::milliseconds patience) {
  constexpr int kStepMs = 20;
  for (ChildProcess* process : processes) {
    process->Signal(patience.count() > 0 ? SIGTERM : SIGKILL);
    process->Signal(SIGCONT);
  }
  const auto all_ended = [&processes] {
    return std::ranges::all_of(processes,
                               [](ChildProcess* process) { return process->HasEnded(); });
  };
  for (std::int64_t left = patience.count(); left > 0 && !all_ended(); left -= kStepMs) {
    ::poll(nullptr, 0, kStepMs);
  }
  for (ChildProcess* process : processes) {
    process->Kill();
  }
}

Result<std::string> OwnProgram() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length < 0) {
    return Failed("readlink /proc/self/exe");
  }
  return std::string(path, static_cast<std::size_t>(length));
}

}  // namespace firn::cli
