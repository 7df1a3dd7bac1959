// SPDX-License-Identifier: Apache-2.0
#include "conductor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "memory_group.h"

namespace firn::bench {
namespace {

constexpr std::chrono::seconds kTerminalPause{1};
constexpr std::chrono::seconds kLogPause{10};
constexpr int kPollMs = 500;

volatile std::sig_atomic_t is_told_to_stop = 0;

void OnSignal(int) { is_told_to_stop = 1; }

void ListenForSignals() {
  struct sigaction action{};
  action.sa_handler = OnSignal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    ::sigaction(signal, &action, nullptr);
  }
}

void WriteLine(const nlohmann::json& line) {
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

nlohmann::json ToJson(const Row& row) {
  nlohmann::json seconds = nlohmann::json::array();
  for (const Second& second : row.timeline) {
    seconds.push_back({second.operations, second.p99_us, second.max_us});
  }
  return {{"name", row.name},
          {"main_figure", row.main_figure},
          {"figures", row.figures},
          {"timeline", std::move(seconds)}};
}

Row RowOf(const nlohmann::json& json) {
  Row row{.name = json.at("name"),
          .main_figure = json.at("main_figure"),
          .figures = json.at("figures").get<Figures>(),
          .timeline = {}};
  for (const auto& second : json.at("timeline")) {
    row.timeline.push_back(
        {.operations = second.at(0), .p99_us = second.at(1), .max_us = second.at(2)});
  }
  return row;
}

// Between fork and exec: only what is safe there. Ctrl-C reaches the conductor alone.
[[noreturn]] void Become(char* const* words, const char* group_file, int out) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  if (*group_file != '\0') {
    const int file = ::open(group_file, O_WRONLY | O_CLOEXEC);
    if (file < 0 || ::write(file, "0", 1) != 1) {
      ::_exit(126);
    }
  }
  ::execv("/proc/self/exe", words);
  ::_exit(127);
}

// LevelDB keeps a fifth of what it may open, and opens other tables for every read.
void AllowManyFiles() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace

void RunAsJob(const BenchOptions& options) {
  const std::vector<PlannedJob> jobs = PlanJobs(options);
  if (options.job < 0 || static_cast<std::size_t>(options.job) >= jobs.size()) {
    Die("there is no such job");
  }
  AllowManyFiles();
  Job job = jobs[static_cast<std::size_t>(options.job)].job;
  job.options.directory = options.job_directory;
  Runner runner(job, {.begin = [](const std::string& name) { WriteLine({{"begin", name}}); },
                      .end = [](const Row& row) { WriteLine({{"row", ToJson(row)}}); }});
  runner.Run();
}

bool Conductor::RunAll(const std::string& directory) {
  ListenForSignals();
  jobs_ = PlanJobs(options_);
  began_ = shown_ = SteadyClock::now();
  for (std::size_t i = 0; i < jobs_.size() && is_told_to_stop == 0; ++i) {
    const std::string own = directory + "/job" + std::to_string(i);
    std::filesystem::create_directory(own);
    const bool ok = RunOne(i, own);
    std::error_code ignored;
    std::filesystem::remove_all(own, ignored);
    if (!ok && is_told_to_stop == 0) {
      const PlannedJob& job = jobs_[i];
      report_.NoteFailure(job.job.engine->name + " failed in " + std::string(job.job.family->name) +
                          ", repeat " + std::to_string(job.repeat) + ", after the start of " +
                          (at_.empty() ? "the process" : at_));
    }
  }
  return is_told_to_stop == 0;
}

bool Conductor::RunOne(std::size_t index, const std::string& directory) {
  index_ = index;
  at_.clear();
  std::optional<MemoryGroup> group;
  if (jobs_[index].job.family->larger_than_memory) {
    Result<MemoryGroup> made = MemoryGroup::Make(options_.memory_limit_bytes);
    if (!made) {
      report_.NoteFailure(made.error().context + "; its rows are left out");
      return true;
    }
    group.emplace(*std::move(made));
  }
  std::vector<std::string> words = {"firn-bench"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  for (const std::string& word :
       {std::string("--job"), std::to_string(index), std::string("--job-directory"), directory}) {
    words.push_back(word);
  }
  int pipe = -1;
  const pid_t process = Start(words, group ? group->EntryFile() : "", pipe);
  if (process < 0) {
    return false;
  }
  const bool was_read = ReadRows(pipe, process);
  ::close(pipe);
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return was_read && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t Conductor::Start(const std::vector<std::string>& words, const std::string& group_file,
                       int& pipe) const {
  std::vector<std::string> copies = words;  // execv takes pointers to bytes it may change.
  std::vector<char*> pointers;
  pointers.reserve(copies.size() + 1);
  for (std::string& word : copies) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return -1;
  }
  const pid_t process = ::fork();
  if (process == 0) {
    Become(pointers.data(), group_file.c_str(), ends[1]);
  }
  ::close(ends[1]);
  pipe = ends[0];
  return process;
}

// Until the process closes its end. False: what it said was no line of ours, or the user wants an
// end; the process is killed then.
bool Conductor::ReadRows(int pipe, pid_t process) {
  std::string text;
  while (true) {
    pollfd wait{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, kPollMs);
    ShowProgress();
    if (is_told_to_stop != 0) {
      ::kill(process, SIGKILL);
      return false;
    }
    if (ready <= 0) {
      continue;
    }
    char buffer[4096];
    const ssize_t count = ::read(pipe, buffer, sizeof buffer);
    if (count <= 0) {
      return count == 0;
    }
    text.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      try {
        TakeLine(text.substr(0, end));
      } catch (const nlohmann::json::exception& error) {
        std::fprintf(stderr, "firn bench: a process said '%s'\n", text.substr(0, end).c_str());
        ::kill(process, SIGKILL);
        return false;
      }
    }
  }
}

void Conductor::TakeLine(const std::string& line) {
  const nlohmann::json json = nlohmann::json::parse(line);
  if (json.contains("begin")) {
    at_ = json.at("begin");
    return;
  }
  const PlannedJob& job = jobs_[index_];
  report_.Add({.set = job.set,
               .threads = job.job.threads,
               .family = std::string(job.job.family->name),
               .engine = job.job.engine->name,
               .repeat = job.repeat,
               .row = RowOf(json.at("row"))});
}

// One line that is written over on a terminal, else a line now and then.
void Conductor::ShowProgress() {
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  const auto now = SteadyClock::now();
  if (now - shown_ < (is_terminal ? kTerminalPause : kLogPause)) {
    return;
  }
  shown_ = now;
  const PlannedJob& job = jobs_[index_];
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - began_).count();
  std::fprintf(stderr, "%s%3lld:%02lld  part %zu of %zu  repeat %d  %s  %u thread%s  %s  %s%s",
               is_terminal ? "\r\033[K" : "", static_cast<long long>(seconds / 60),
               static_cast<long long>(seconds % 60), index_ + 1, jobs_.size(), job.repeat,
               job.set.c_str(), job.job.threads, job.job.threads == 1 ? "" : "s",
               job.job.engine->name.c_str(),
               (std::string(job.job.family->name) + ": " + at_).c_str(), is_terminal ? "" : "\n");
}

}  // namespace firn::bench
