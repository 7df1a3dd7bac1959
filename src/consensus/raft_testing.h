// SPDX-License-Identifier: Apache-2.0
//
// A log in memory and a cluster on a network of lists, to drive Raft by hand: what tests of the
// consensus core share.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "consensus/raft.h"

namespace firn {

class MemoryRaftStorage final : public RaftStorage {
 public:
  // As a node that begins: the log stands at index 1 of term 1, where the membership is.
  explicit MemoryRaftStorage(Membership membership)
      : snapshot_{.index = {1}, .term = {1}, .membership = std::move(membership), .data = {}} {
    hard_ = {.term = {1}, .vote = {}, .commit = {1}};
  }

  HardState InitialState() override { return hard_; }
  Membership InitialMembership() override { return snapshot_.membership; }
  std::vector<LogEntry> Entries(LogIndex low, LogIndex high, std::uint64_t bytes_max) override {
    std::vector<LogEntry> entries;
    std::uint64_t bytes = 0;
    for (LogIndex at = low; at < high; at = at.Next()) {
      const LogEntry& entry = At(at);
      bytes += entry.data.size();
      if (!entries.empty() && bytes > bytes_max) {
        break;
      }
      entries.push_back(entry);
    }
    return entries;
  }
  Term TermAt(LogIndex index) override {
    if (index == snapshot_.index) {
      return snapshot_.term;
    }
    return index > snapshot_.index && index <= LastIndex() ? At(index).term : Term{};
  }
  LogIndex FirstIndex() override { return snapshot_.index.Next(); }
  LogIndex LastIndex() override { return {snapshot_.index.value + entries_.size()}; }
  std::optional<StateSnapshot> Snapshot() override {
    if (!can_snapshot) {
      return std::nullopt;
    }
    return snapshot_;
  }

  const LogEntry& At(LogIndex index) const {
    return entries_.at(index.value - snapshot_.index.value - 1);
  }
  void Append(const std::vector<LogEntry>& entries) {
    if (!entries.empty()) {
      entries_.resize(entries.front().index.value - snapshot_.index.value - 1);
      entries_.insert(entries_.end(), entries.begin(), entries.end());
    }
  }
  void SetHardState(const HardState& hard) { hard_ = hard; }
  // Stands for everything up to the index from now on.
  void Compact(StateSnapshot snapshot) {
    const std::uint64_t count = snapshot.index.value - snapshot_.index.value;
    entries_.erase(entries_.begin(),
                   entries_.begin() + static_cast<std::ptrdiff_t>(
                                          std::min<std::uint64_t>(count, entries_.size())));
    snapshot_ = std::move(snapshot);
  }
  void Install(StateSnapshot snapshot) {
    entries_.clear();
    snapshot_ = std::move(snapshot);
  }

  bool can_snapshot = true;

 private:
  HardState hard_;
  StateSnapshot snapshot_;
  std::vector<LogEntry> entries_;
};

// A node whose disk is memory and always in time.
struct TestRaftNode {
  TestRaftNode(NodeId own, const Membership& initial, std::uint64_t seed)
      : id(own), storage(initial) {
    RaftConfig config;
    config.id = id;
    config.applied = {1};
    config.seed = seed * 1000003 + id.value;
    config.on_panic = [this](std::string_view text) { panic = text; };
    raft = Raft::Start(std::move(config), storage).value();
  }

  // Everything that is to be done at once, as a driver with an instant disk does it. Returns what
  // goes out.
  std::vector<RaftMessage> Work() {
    std::vector<RaftMessage> out;
    while (raft->HasReady()) {
      Ready ready = raft->TakeReady(storage.LastIndex());
      if (ready.snapshot) {
        storage.Install(*ready.snapshot);
      }
      storage.Append(ready.entries);
      ready.state.hard.commit = std::min(ready.state.hard.commit, storage.LastIndex());
      storage.SetHardState(ready.state.hard);
      state = ready.state;
      std::ranges::move(ready.messages, std::back_inserter(out));
      std::ranges::move(ready.read_states, std::back_inserter(reads));
      for (LogIndex at = ready.committed_first; at != LogIndex{} && at <= ready.committed_last;
           at = at.Next()) {
        Apply(storage.At(at));
      }
      raft->Advance();
    }
    return out;
  }

  void Apply(const LogEntry& entry) {
    applied.push_back(entry);
    if (entry.kind == EntryKind::kMembership) {
      membership = raft->ApplyChange(DecodeMembershipChange(entry.data).value());
    }
  }

  NodeId id;
  MemoryRaftStorage storage;
  std::unique_ptr<Raft> raft;
  RaftState state;
  Membership membership;
  std::vector<LogEntry> applied;
  std::vector<ReadState> reads;
  std::string panic;
};

// Nodes 1 to n; messages arrive in the order they were sent.
class TestRaftCluster {
 public:
  explicit TestRaftCluster(std::uint64_t count, std::uint64_t seed = 1) {
    Membership membership;
    for (std::uint64_t id = 1; id <= count; ++id) {
      membership.voters.push_back({id});
    }
    for (const NodeId id : membership.voters) {
      nodes_[id] = std::make_unique<TestRaftNode>(id, membership, seed);
    }
  }

  TestRaftNode& node(std::uint64_t id) { return *nodes_.at({id}); }
  TestRaftNode& Add(std::uint64_t id) {
    return *(nodes_[{id}] = std::make_unique<TestRaftNode>(NodeId{id}, Membership{}, 1));
  }

  // Lets messages flow until none is left.
  void Settle() {
    do {
      for (auto& [id, node] : nodes_) {
        Send(*node);
      }
      Deliver();
    } while (!wire_.empty());
  }
  void Tick(int times = 1) {
    for (int i = 0; i < times; ++i) {
      for (auto& [id, node] : nodes_) {
        node->raft->Tick();
      }
      Settle();
    }
  }
  // Of a new cluster: node 1 leads afterwards.
  void ElectFirst() {
    node(1).raft->Campaign();
    Settle();
    FIRN_CHECK(node(1).state.role == RaftRole::kLeader);
  }

  // A message to or from a node that is cut is lost.
  std::vector<NodeId> cut;

 private:
  bool IsCut(NodeId id) const { return std::ranges::find(cut, id) != cut.end(); }

  void Send(TestRaftNode& from) {
    std::vector<RaftMessage> messages = from.Work();
    if (!IsCut(from.id)) {
      std::ranges::move(messages, std::back_inserter(wire_));
    }
  }

  void Deliver() {
    std::deque<RaftMessage> due;
    due.swap(wire_);
    for (const RaftMessage& message : due) {
      const auto to = nodes_.find(message.to);
      if (to != nodes_.end() && !IsCut(message.to)) {
        to->second->raft->Step(message.bytes).value();
        Send(*to->second);
      }
    }
  }

  std::map<NodeId, std::unique_ptr<TestRaftNode>> nodes_;
  std::deque<RaftMessage> wire_;
};

}  // namespace firn
