// SPDX-License-Identifier: Apache-2.0
//
// The processes of `firn demo`: nodes on loopback, each with a directory of its own below one that
// is given. A node keeps its addresses over restarts. No node outlives this object, nor, since the
// kernel sees to it, this process. For one thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "firn/result.h"

namespace firn::cli {

class DemoCluster {
 public:
  enum class State : std::uint8_t { kRuns, kPaused, kDead };

  // Nodes of this program, below `directory`, which exists.
  DemoCluster(std::string program, std::string directory)
      : program_(std::move(program)), directory_(std::move(directory)) {}
  DemoCluster(const DemoCluster&) = delete;
  DemoCluster& operator=(const DemoCluster&) = delete;

  // Begins to start one more node; the first begins the cluster, the others join it.
  Result<void> AddNode();
  // Whether the last node that was added serves by now. An Error: it never will.
  Result<bool> LastIsReady();

  int size() const { return static_cast<int>(nodes_.size()); }
  // Of nodes from 0. Where it serves clients; empty until it is ready.
  const std::string& address(int node) const { return At(node).address; }
  State state(int node) const { return At(node).state; }
  // In that state already: nothing happens.
  void Kill(int node);
  void Pause(int node);
  // Lets it run, whether it was paused or dead.
  Result<void> Restart(int node);
  // Notes which nodes have ended by themselves.
  void Reap();
  // Where a node writes what it has to say.
  std::string LogPath(int node) const { return At(node).directory + "/log"; }

  // Asks all to end, waits that long and kills the rest.
  void Stop(std::chrono::milliseconds patience);

 private:
  struct Node {
    std::string directory;
    std::string address{};
    ChildProcess process{};
    State state = State::kDead;
  };
  const Node& At(int node) const { return nodes_[static_cast<std::size_t>(node)]; }
  Node& At(int node) { return nodes_[static_cast<std::size_t>(node)]; }
  Result<void> Start(Node& node, const std::string& join);
  Result<void> ReadAddress(Node& node);
  // Whether the process is gone; takes note.
  static bool HasEnded(Node& node);

  const std::string program_;
  const std::string directory_;
  std::vector<Node> nodes_;
};

}  // namespace firn::cli
