// SPDX-License-Identifier: Apache-2.0
//
// A node: its directory opened, and its driver in a task of its own. Everything comes in through
// one queue, which the thread empties before each turn, so that what arrives together is handled
// together. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "replica/driver.h"
#include "replica/node_directory.h"

namespace firn {

struct ReplicaSetup {
  NodeSetup node;
  PeerSender* peers = nullptr;  // Called in the node's task. Outlives the replica.
  std::chrono::milliseconds tick{50};
  DriverConfig driver;  // Id and boot are filled in here.
  // Called once, in the node's task, when it cannot go on; every request is then answered with
  // kStopped.
  std::function<void(const Error&)> on_failure;
};

// As of a moment ago.
struct ReplicaStatus {
  RaftState raft;
  LogIndex applied;
  LogIndex durable;
  std::uint64_t write_overdue_ticks = 0;
  bool has_failed = false;
};

class Replica {
 public:
  // Opens the node of the directory and starts it, on a scheduler that no other replica uses. As
  // OpenNode.
  static Result<std::unique_ptr<Replica>> Start(ReplicaSetup setup);
  // Answers what waits with kStopped. Blocks until a write to the log that is under way has ended.
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // Replies come from the node's task, exactly once, and must be short. What the command points to
  // must hold until then.
  void Submit(const Command& command, const std::function<void(const CommandReply&)>& reply);
  void Read(const std::function<void(Fate)>& reply);
  void ProposeChange(MembershipChange change, const std::function<void(Fate)>& reply);
  void TransferLeadership(NodeId to);
  void Receive(std::string message);

  ReplicaStatus Status() const FIRN_EXCLUDES(mutex_);
  const Identity& identity() const { return parts_.identity; }
  Engine& engine() const { return *parts_.engine; }

 private:
  using Input = std::function<void(Driver&)>;

  Replica(ReplicaSetup setup, NodeParts parts)
      : setup_(std::move(setup)), parts_(std::move(parts)) {}

  // False once the node has stopped.
  bool Enqueue(Input input) FIRN_EXCLUDES(mutex_);
  void Run();
  Result<void> RunUntilStopped() FIRN_EXCLUDES(mutex_);
  // Waits for input, the next tick or the end. False: the end.
  bool Await(std::chrono::nanoseconds tick_due, std::vector<Input>& inputs) FIRN_EXCLUDES(mutex_);
  Result<void> TickWhenDue(std::chrono::nanoseconds& tick_due);
  void End();
  void Publish(bool has_failed) FIRN_EXCLUDES(mutex_);

  const ReplicaSetup setup_;
  NodeParts parts_;
  std::unique_ptr<Driver> driver_;  // The task's.

  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool woken_ FIRN_GUARDED_BY(mutex_) = false;
  bool stopping_ FIRN_GUARDED_BY(mutex_) = false;
  bool stopped_ FIRN_GUARDED_BY(mutex_) = false;    // Inputs are refused.
  bool has_ended_ FIRN_GUARDED_BY(mutex_) = false;  // The task has nothing more to do.
  std::vector<Input> inputs_ FIRN_GUARDED_BY(mutex_);
  ReplicaStatus status_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn
