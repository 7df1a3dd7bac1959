// SPDX-License-Identifier: Apache-2.0
//
// A cluster that is started to be measured: processes on loopback with their data below one
// directory. No node outlives the object. For one thread; functions that wait give up when the user
// asks for an end.
#pragma once

#include <signal.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "firn/result.h"
#include "wire.h"

namespace firn::bench {

struct ClusterPlan {
  std::string program;
  std::string directory;  // Exists and is empty.
  int nodes = 5;
  int tick_ms = 100;                          // A heartbeat; an election timeout is ten.
  std::string memory{};                       // Of Firn alone.
  std::vector<std::string> more_arguments{};  // Of Firn alone.
};

class MeasuredCluster {
 public:
  explicit MeasuredCluster(ClusterPlan plan) : plan_(std::move(plan)) {}
  virtual ~MeasuredCluster() = default;
  MeasuredCluster(const MeasuredCluster&) = delete;
  MeasuredCluster& operator=(const MeasuredCluster&) = delete;

  virtual const Wire& wire() const = 0;
  // Starts all nodes and waits until each has a vote. Once. kIo.
  virtual Result<void> Start() = 0;
  // What the node knows of itself. An error: it does not answer.
  struct Standing {
    bool leads = false;
    bool knows_leader = false;
    std::string version{};
  };
  virtual Result<Standing> Ask(int node) = 0;

  int size() const { return static_cast<int>(nodes_.size()); }
  // Of nodes from 0.
  const std::string& address(int node) const { return At(node).address; }
  pid_t process(int node) const { return At(node).process.id(); }
  std::string LogPath(int node) const { return At(node).directory + "/log"; }

  // The node that leads, waiting until there is one. kIo.
  Result<int> AwaitLeader();
  // Until all nodes answer and know who leads. kIo.
  Result<void> AwaitAll();
  // kill -9: the first returns at once, the second waits until it is gone.
  void BeginKill(int node) { At(node).process.Signal(SIGKILL); }
  void Kill(int node) { At(node).process.Kill(); }
  // A killed node again, without waiting for it.
  Result<void> Restart(int node) { return Launch(node, false); }

 protected:
  struct Node {
    std::string directory{};
    std::string address{};
    std::string peer_address{};
    cli::ChildProcess process{};
  };
  // The command line of a node; the first start may differ from the others.
  virtual std::vector<std::string> Words(int node, bool is_first_start) const = 0;

  const ClusterPlan& plan() const { return plan_; }
  Node& At(int node) { return nodes_[static_cast<std::size_t>(node)]; }
  const Node& At(int node) const { return nodes_[static_cast<std::size_t>(node)]; }
  // One more, with a directory, not started.
  Result<void> AddNode(std::string address, std::string peer_address);
  Result<void> Launch(int node, bool is_first_start);
  // kIo when it has ended by itself.
  Result<void> CheckRuns(int node);

 private:
  const ClusterPlan plan_;
  std::vector<Node> nodes_;
};

std::unique_ptr<MeasuredCluster> MakeFirnCluster(ClusterPlan plan);
std::unique_ptr<MeasuredCluster> MakeEtcdCluster(ClusterPlan plan);

// How long nodes may take for anything, and how often they are asked.
inline constexpr std::chrono::milliseconds kClusterPatience{60'000};
inline constexpr std::chrono::milliseconds kClusterTurn{20};

// Addresses on loopback that nobody uses, all different. Somebody else may take one before its user
// does. kIo.
Result<std::vector<std::string>> FreeAddresses(std::size_t count);

// Asks again and again until it is so. kIo when that takes too long or the user asks for an end; or
// its own error.
Result<void> Await(const std::string& what, const std::function<Result<bool>()>& condition);
// Sleeps. False: the user asks for an end.
bool Pause(std::chrono::nanoseconds duration);

}  // namespace firn::bench
