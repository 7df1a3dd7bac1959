// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_cluster.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/propagate.h"
#include "cli/input.h"

namespace firn::cli {
namespace {

constexpr const char* kAnyPort = "127.0.0.1:0";

}  // namespace

Result<void> DemoCluster::Start(Node& node, const std::string& join) {
  const std::string ready = node.directory + "/ready";
  ::unlink(ready.c_str());
  std::vector<std::string> words = {program_,        "serve",
                                    "--data",        node.directory + "/data",
                                    "--listen",      node.address.empty() ? kAnyPort : node.address,
                                    "--peer-listen", kAnyPort,
                                    "--http-listen", kAnyPort,
                                    "--ready-file",  ready};
  if (!join.empty()) {
    words.insert(words.end(), {"--join", join});
  }
  FIRN_TRY_ASSIGN(node.process, ChildProcess::Start(std::move(words), node.directory + "/log"));
  node.state = State::kRuns;
  return {};
}

Result<void> DemoCluster::AddNode() {
  const std::string join = nodes_.empty() ? "" : nodes_.front().address;
  Node node{.directory = directory_ + "/node" + std::to_string(nodes_.size() + 1)};
  if (::mkdir(node.directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error{ErrorCode::kIo,
                 "make " + node.directory + ": " + std::generic_category().message(errno)};
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
  if (node.process.HasEnded()) {
    node.state = State::kDead;
  }
  return node.process.id() < 0;
}

void DemoCluster::Reap() {
  for (Node& node : nodes_) {
    HasEnded(node);
  }
}

void DemoCluster::Kill(int node) {
  At(node).process.Kill();
  At(node).state = State::kDead;
}

void DemoCluster::Pause(int node) {
  if (At(node).state == State::kRuns) {
    At(node).process.Signal(SIGSTOP);
    At(node).state = State::kPaused;
  }
}

Result<void> DemoCluster::Restart(int node) {
  Node& restarted = At(node);
  if (restarted.state == State::kPaused) {
    restarted.process.Signal(SIGCONT);
    restarted.state = State::kRuns;
  } else if (restarted.state == State::kDead) {
    return Start(restarted, "");
  }
  return {};
}

void DemoCluster::Stop(std::chrono::milliseconds patience) {
  std::vector<ChildProcess*> processes;
  processes.reserve(nodes_.size());
  for (Node& node : nodes_) {
    processes.push_back(&node.process);
  }
  EndAll(processes, patience);
  Reap();
}

}  // namespace firn::cli
