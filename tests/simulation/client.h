// SPDX-License-Identifier: Apache-2.0
//
// A client of the simulated cluster. It does one thing at a time, at whatever node it likes, and
// sends what was not answered again: under its session, so that it is applied once, or not at all.
// What it did and saw goes into the histories of keys; what it sees of several keys is checked on
// the spot.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "replica/replica_testing.h"
#include "simulation/history.h"

namespace firn::simulation {

inline constexpr int kKeys = 4;
inline constexpr int kAccounts = 4;
inline constexpr int kFunds = 100;  // Of each account at first.

// What all clients of a cluster share.
struct Observations {
  std::map<int, std::vector<Operation>> histories;  // By key.
  int values = 0;                                   // Given out so far.
  std::vector<std::string> violations;
  std::uint64_t acknowledged = 0;
  std::uint64_t reads = 0;
  std::uint64_t scans = 0;
  // The longest list that a scan has seen, and when that scan had ended.
  std::string list;
  std::uint64_t list_end = 0;
  std::vector<std::string> appended;  // Elements whose append was acknowledged.
  std::function<void(const Outcome&)> on_acknowledged;
};

class SimulatedClient {
 public:
  SimulatedClient(TestCluster& cluster, Observations& seen, std::uint64_t seed)
      : cluster_(cluster), seen_(seen), random_(seed) {}

  // Goes on with what it does, or begins something. With `is_ending` it begins nothing.
  void Step(bool is_ending);
  bool is_idle() const { return task_ == nullptr; }

  // Reads everything at a node, and checks it. False when the node could not answer.
  void CheckAll(TestReplica& node);

 private:
  // One request, from its first sending to its last.
  struct Task {
    enum class Kind { kOpenSession, kCloseSession, kWrite, kRead, kScan, kZombie };

    Kind kind = Kind::kWrite;
    Command command;
    std::string operations;
    std::string condition_value;
    std::string condition_key;
    int key = -1;  // Of the history; -1: none.
    Operation operation;
    std::string element;  // Appended to the lists.
    int attempts = 0;
    bool may_have_happened = false;  // An earlier attempt was not answered.
    std::uint64_t sent = 0;
    bool is_waiting = false;
    std::uint64_t stale_steps = 0;  // Of a read that may be so old.
    std::function<void(Task&, const CommandReply&)> on_done;
  };
  using TaskPtr = std::shared_ptr<Task>;

  TaskPtr NewTask(Task::Kind kind);
  void Begin();
  void BeginWrite();
  void BeginRead();
  void BeginTransfer();
  void BeginAppend();
  void BeginZombie();
  void Send(const TaskPtr& task);
  void SendCommand(TestReplica& node, const TaskPtr& task);
  void SendRead(TestReplica& node, const TaskPtr& task);
  void TakeReply(const TaskPtr& task, const CommandReply& reply);
  void TakeRead(TestReplica& node, const TaskPtr& task, Fate fate);
  void Scan(TestReplica& node, std::uint64_t start);
  void Finish(const TaskPtr& task, const CommandReply& reply);
  void GiveUp(const TaskPtr& task);
  void Record(const Task& task);
  void Violation(const std::string& text) { seen_.violations.push_back(text); }

  TestCluster& cluster_;
  Observations& seen_;
  Random random_;
  TaskPtr task_;
  std::uint64_t session_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t old_session_ = 0;  // Closed.
  int watched_key_ = -1;           // Just written or read; to be read again.
  std::uint64_t home_ = 0;         // The node it likes best.
  // As of the last scan.
  std::uint64_t ledger_ = 0;  // Its revision.
  std::vector<int> funds_;
  std::uint64_t list_revision_ = 0;
  std::string list_;
};

}  // namespace firn::simulation
