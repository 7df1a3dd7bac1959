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

struct MemberStatus {
  NodeId id;
  Member member;
  bool is_learner = false;
  // As the leader knows it; zero and false on other nodes.
  LogIndex match;  // The last entry that it has written.
  bool is_active = false;
  bool gets_snapshot = false;
};

// As of a moment ago.
struct ReplicaStatus {
  RaftState raft;
  LogIndex applied;
  LogIndex durable;                   // The last entry that is synced here.
  std::vector<MemberStatus> members;  // As applied here.
  std::uint64_t waiting_bytes = 0;    // Of commands that are not applied yet.
  std::uint64_t write_overdue_ticks = 0;
  std::uint64_t checksum = 0;    // Of all that was applied.
  std::optional<Error> failure;  // Why the node has stopped taking part.
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
  // Where this node does not lead, the command goes to the leader, if `may_forward`, and else is
  // answered with kNotLeader.
  void Submit(const Command& command, bool may_forward,
              const std::function<void(const CommandReply&)>& reply);
  // kDone: the store holds every write that was acknowledged anywhere before the call.
  void Read(const std::function<void(Fate)>& reply);
  // kDone: the store is known to be no older than so many milliseconds; 0: any age will do.
  void ReadStale(std::uint64_t age_ms_max, const std::function<void(Fate)>& reply);
  // The leader's alone. The reply comes when the change is applied and shows in the status.
  void ChangeMembership(const MembershipRequest& request,
                        const std::function<void(const MembershipReply&)>& reply);
  // To node 0: the voter that is furthest. Whether it has happened shows in the status.
  void TransferLeadership(NodeId to);
  // What a peer has sent. Dropped, like a message that the network lost, while too much waits.
  void Receive(NodeId from, PeerMessageKind kind, std::string bytes);
  // Nothing reaches this peer at the moment.
  void PeerUnreachable(NodeId peer);

  ReplicaStatus Status() const FIRN_EXCLUDES(mutex_);
  const Identity& identity() const { return parts_.identity; }
  // What the operator should know of how it was opened; mostly nothing.
  const std::string& notice() const { return parts_.notice; }
  // The store of now. A state snapshot may put another in its place at any time; who holds this one
  // reads on in it undisturbed.
  std::shared_ptr<Engine> engine() const FIRN_EXCLUDES(mutex_);

 private:
  using Input = std::function<void(Driver&)>;

  Replica(ReplicaSetup setup, NodeParts parts)
      : setup_(std::move(setup)), parts_(std::move(parts)) {}

  // Has the task look for input and results. Any thread.
  void Wake() FIRN_EXCLUDES(mutex_);
  enum class Kind : std::uint8_t { kCommand, kRead, kOther };
  // False once the node has stopped.
  bool Enqueue(Input input, Kind kind = Kind::kOther) FIRN_EXCLUDES(mutex_);
  bool IsWaitedFor(Kind kind) FIRN_REQUIRES(mutex_);
  void Run();
  Result<void> RunUntilStopped() FIRN_EXCLUDES(mutex_);
  // Waits for input, the time that is due or the end. False: the end.
  bool Await(std::chrono::nanoseconds due, std::vector<Input>& inputs) FIRN_EXCLUDES(mutex_);
  Result<void> TickWhenDue(std::chrono::nanoseconds& tick_due);
  void End();
  void Publish(std::optional<Error> failure) FIRN_EXCLUDES(mutex_);

  const ReplicaSetup setup_;
  NodeParts parts_;
  // The task's.
  std::unique_ptr<Driver> driver_;
  bool is_members_due_ = true;

  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool woken_ FIRN_GUARDED_BY(mutex_) = false;
  Driver::Missing missing_ FIRN_GUARDED_BY(mutex_);  // Before the task is woken.
  bool stopping_ FIRN_GUARDED_BY(mutex_) = false;
  bool stopped_ FIRN_GUARDED_BY(mutex_) = false;    // Inputs are refused.
  bool has_ended_ FIRN_GUARDED_BY(mutex_) = false;  // The task has nothing more to do.
  std::vector<Input> inputs_ FIRN_GUARDED_BY(mutex_);
  std::size_t received_bytes_ FIRN_GUARDED_BY(mutex_) = 0;  // Of messages in inputs_.
  ReplicaStatus status_ FIRN_GUARDED_BY(mutex_);
  std::shared_ptr<Engine> engine_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn
