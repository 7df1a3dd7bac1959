// SPDX-License-Identifier: Apache-2.0
//
// Nodes stand in process groups of their own, so that Ctrl-C reaches this process alone, which then
// ends them in order. Between fork and exec only async-signal-safe calls are made: other threads
// run.
#include "cli/demo_cluster.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/propagate.h"
#include "cli/input.h"

namespace firn::cli {
namespace {

constexpr const char* kAnyPort = "127.0.0.1:0";

Error Failed(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::generic_category().message(errno)};
}

// What the child becomes.
struct Program {
  std::vector<std::string> words;
  std::string log;
};

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

Result<pid_t> Spawn(Program program) {
  std::vector<char*> words;
  words.reserve(program.words.size() + 1);
  for (std::string& word : program.words) {
    words.push_back(word.data());
  }
  words.push_back(nullptr);
  const pid_t process = ::fork();
  if (process < 0) {
    return Failed("fork");
  }
  if (process == 0) {
    Become(words.data(), program.log.c_str());
  }
  return process;
}

}  // namespace

DemoCluster::~DemoCluster() { Stop(std::chrono::milliseconds(0)); }

Result<void> DemoCluster::Start(Node& node, const std::string& join) {
  const std::string ready = node.directory + "/ready";
  ::unlink(ready.c_str());
  Program program{.words = {program_, "serve", "--data", node.directory + "/data", "--listen",
                            node.address.empty() ? kAnyPort : node.address, "--peer-listen",
                            kAnyPort, "--http-listen", kAnyPort, "--ready-file", ready},
                  .log = node.directory + "/log"};
  if (!join.empty()) {
    program.words.insert(program.words.end(), {"--join", join});
  }
  FIRN_TRY_ASSIGN(node.process, Spawn(std::move(program)));
  node.state = State::kRuns;
  return {};
}

Result<void> DemoCluster::AddNode() {
  const std::string join = nodes_.empty() ? "" : nodes_.front().address;
  Node node{.directory = directory_ + "/node" + std::to_string(nodes_.size() + 1), .address = ""};
  if (::mkdir(node.directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return Failed(node.directory);
  }
  nodes_.push_back(std::move(node));
  return Start(nodes_.back(), join);
}

Result<bool> DemoCluster::LastIsReady() {
  Node& node = nodes_.back();
  if (HasEnded(node)) {
    return Error{ErrorCode::kIo, "node " + std::to_string(nodes_.size()) +
                                     " ended before it served; see " + node.directory + "/log"};
  }
  if (::access((node.directory + "/ready").c_str(), R_OK) != 0) {
    return false;
  }
  FIRN_TRY(ReadAddress(node));
  return true;
}

Result<void> DemoCluster::ReadAddress(Node& node) {
  FIRN_TRY_ASSIGN(const std::string text, ReadInput(node.directory + "/ready", nullptr));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("client") || !json["client"].is_string()) {
    return Error{ErrorCode::kCorruption, node.directory + "/ready: names no client address"};
  }
  node.address = json["client"].get<std::string>();
  return {};
}

bool DemoCluster::HasEnded(Node& node) {
  if (node.process > 0 && ::waitpid(node.process, nullptr, WNOHANG) == node.process) {
    node.process = -1;
    node.state = State::kDead;
  }
  return node.process < 0;
}

void DemoCluster::Reap() {
  for (Node& node : nodes_) {
    HasEnded(node);
  }
}

void DemoCluster::Kill(int node) {
  Node& killed = At(node);
  if (killed.process > 0) {
    ::kill(killed.process, SIGKILL);
    ::waitpid(killed.process, nullptr, 0);
    killed.process = -1;
    killed.state = State::kDead;
  }
}

void DemoCluster::Pause(int node) {
  if (At(node).state == State::kRuns) {
    ::kill(At(node).process, SIGSTOP);
    At(node).state = State::kPaused;
  }
}

Result<void> DemoCluster::Restart(int node) {
  Node& restarted = At(node);
  if (restarted.state == State::kPaused) {
    ::kill(restarted.process, SIGCONT);
    restarted.state = State::kRuns;
  } else if (restarted.state == State::kDead) {
    return Start(restarted, "");
  }
  return {};
}

void DemoCluster::Stop(std::chrono::milliseconds patience) {
  constexpr int kStepMs = 20;
  for (Node& node : nodes_) {
    if (node.process > 0) {
      ::kill(node.process, patience.count() > 0 ? SIGTERM : SIGKILL);
      ::kill(node.process, SIGCONT);
    }
  }
  const auto all_ended = [this] {
    return std::all_of(nodes_.begin(), nodes_.end(), [](Node& node) { return HasEnded(node); });
  };
  for (std::int64_t left = patience.count(); left > 0 && !all_ended(); left -= kStepMs) {
    ::poll(nullptr, 0, kStepMs);
  }
  for (int i = 0; i < size(); ++i) {
    Kill(i);
  }
}

}  // namespace firn::cli
