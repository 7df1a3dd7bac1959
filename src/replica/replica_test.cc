// SPDX-License-Identifier: Apache-2.0
//
// Nodes on real threads, files and time: what the simulated clusters of driver_test cannot show.
#include "replica/replica.h"

#include <gtest/gtest.h>

#include <future>

#include "base/random.h"
#include "io/posix_file_system.h"
#include "io/temporary_directory.h"
#include "replica/unsynced_mark.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

// Hands messages to the other replicas of the process.
class Switchboard {
 public:
  class Line final : public PeerSender {
   public:
    Line(Switchboard& board, NodeId id) : board_(board), id_(id) {}
    void Send(const RaftMessage& message) override {
      Send({.kind = PeerMessageKind::kRaft, .to = message.to, .bytes = message.bytes});
    }
    void Send(const PeerMessage& message) override { board_.Pass(id_, message); }
    void SetMembers(const std::map<NodeId, Member>& members) override { (void)members; }

   private:
    Switchboard& board_;
    NodeId id_;
  };

  void Connect(NodeId id, Replica* replica) {
    MutexLock lock(mutex_);
    replicas_[id] = replica;
  }

 private:
  void Pass(NodeId from, const PeerMessage& message) {
    MutexLock lock(mutex_);
    const auto found = replicas_.find(message.to);
    if (found != replicas_.end() && found->second != nullptr) {
      found->second->Receive(from, message.kind, message.bytes);
    }
  }

  Mutex mutex_;
  std::map<NodeId, Replica*> replicas_ FIRN_GUARDED_BY(mutex_);
};

class ReplicaTest : public testing::Test {
 protected:
  ~ReplicaTest() override {
    while (!running_.empty()) {
      Stop(running_.begin()->first);
    }
  }

  ReplicaSetup SetupOf(NodeId id) {
    ReplicaSetup setup;
    setup.node.durability = durability_;
    setup.node.boot_id = boot_id_;
    setup.node.environment = {.files = PosixFileSystem(),
                              .scheduler = schedulers_.emplace_back(MakeThreadScheduler()),
                              .seed = EntropySeed(),
                              .manifest_bytes_max = Catalog::kRollOverBytes};
    setup.node.directory = directory_ / ("node" + std::to_string(id.value));
    setup.node.engine.memtable_bytes = std::size_t{1} << 20;
    setup.node.engine.memory_budget_bytes = std::size_t{16} << 20;
    setup.peers = &lines_.try_emplace(id, board_, id).first->second;
    setup.tick = std::chrono::milliseconds(10);
    return setup;
  }

  void Create(NodeId id, const Membership& membership) {
    ReplicaState initial;
    initial.index = {1};
    initial.term = {1};
    initial.membership = membership;
    CreateNode(SetupOf(id).node, {.cluster = 7, .node = id, .directory = EntropySeed()}, initial)
        .value();
  }
  Replica& Start(NodeId id) {
    running_[id] = Replica::Start(SetupOf(id)).value();
    board_.Connect(id, running_[id].get());
    return *running_[id];
  }
  void Stop(NodeId id) {
    board_.Connect(id, nullptr);
    running_.erase(id);
  }

  static CommandReply Put(Replica& replica, const std::string& key, const std::string& value) {
    std::string operations;
    EncodePut(operations, key, value);
    Command command;
    command.operations = operations;
    std::promise<CommandReply> reply;
    replica.Submit(command, false, [&reply](const CommandReply& came) { reply.set_value(came); });
    return reply.get_future().get();
  }
  // Asks one after the other until one of them leads and has applied it.
  CommandReply PutSomewhere(const std::string& key, const std::string& value) {
    for (;;) {
      for (auto& [id, replica] : running_) {
        const CommandReply reply = Put(*replica, key, value);
        if (reply.fate == Fate::kDone) {
          return reply;
        }
      }
    }
  }
  static std::optional<std::string> ReadAt(Replica& replica, const std::string& key) {
    for (;;) {
      std::promise<Fate> fate;
      replica.Read([&fate](Fate came) { fate.set_value(came); });
      if (fate.get_future().get() == Fate::kDone) {
        return replica.engine()->Get(key, {}).value().value;
      }
    }
  }

  // Starts a node as if it had been killed: the marks of its directory are those it had then.
  Result<std::unique_ptr<Replica>> StartKilled(NodeId id) {
    const NodeSetup setup = SetupOf(id).node;
    const auto marks = ReadUnsyncedMarks(*setup.environment.files, setup.directory).value();
    Stop(id);
    for (const std::string& mark : marks) {
      MarkUnsynced(*setup.environment.files, setup.directory, mark).value();
    }
    return Replica::Start(SetupOf(id));
  }

  Durability durability_ = Durability::kDisk;
  std::string boot_id_ = "first";
  TemporaryDirectory directory_;
  std::deque<std::shared_ptr<Scheduler>> schedulers_;
  Switchboard board_;
  std::map<NodeId, Switchboard::Line> lines_;
  std::map<NodeId, std::unique_ptr<Replica>> running_;
};

TEST_F(ReplicaTest, ASingleNodeKeepsItsDataFromOneStartToTheNext) {
  Create({1}, {.voters = {{1}}, .learners = {}});
  Start({1});
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(PutSomewhere("key" + std::to_string(i), std::string(500, 'v')).fate, Fate::kDone);
  }
  Stop({1});
  EXPECT_EQ(ReadAt(Start({1}), "key299"), std::string(500, 'v'));
  EXPECT_EQ(ReadAt(*running_.at({1}), "key0"), std::string(500, 'v'));
}

TEST_F(ReplicaTest, ThreeNodesElectALeaderAndSurviveTheLossOfIt) {
  const Membership membership{.voters = {{1}, {2}, {3}}, .learners = {}};
  for (const NodeId id : membership.voters) {
    Create(id, membership);
    Start(id);
  }
  EXPECT_EQ(PutSomewhere("a", "1").fate, Fate::kDone);
  for (auto& [id, replica] : running_) {
    EXPECT_EQ(ReadAt(*replica, "a"), "1") << id.value;
  }
  const NodeId leader = running_.at({1})->Status().raft.leader;
  ASSERT_NE(leader, NodeId{});
  Stop(leader);
  EXPECT_EQ(PutSomewhere("b", "2").fate, Fate::kDone);
  EXPECT_EQ(ReadAt(Start(leader), "b"), "2");
}

class ProcessDurabilityTest : public ReplicaTest {
 protected:
  ProcessDurabilityTest() { durability_ = Durability::kProcess; }
};

TEST_F(ProcessDurabilityTest, AKilledNodeGoesOnWhileTheMachineRuns) {
  Create({1}, {.voters = {{1}, {2}}, .learners = {}});
  Start({1});
  EXPECT_TRUE(StartKilled({1}).has_value());
}

TEST_F(ProcessDurabilityTest, AVoterAmongOthersDoesNotOutliveTheMachine) {
  Create({1}, {.voters = {{1}, {2}}, .learners = {}});
  Start({1});
  boot_id_ = "second";
  for (const Durability durability : {Durability::kProcess, Durability::kDisk}) {
    durability_ = durability;
    const auto started = StartKilled({1});
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code, ErrorCode::kCorruption);
    EXPECT_NE(started.error().context.find("remove member 1"), std::string::npos);
  }
}

TEST_F(ProcessDurabilityTest, ANodeAloneGoesOnWithWhatItHasAndSaysSo) {
  Create({1}, {.voters = {{1}}, .learners = {}});
  Start({1});
  EXPECT_EQ(PutSomewhere("key", "value").fate, Fate::kDone);
  boot_id_ = "second";
  const auto started = StartKilled({1});
  ASSERT_TRUE(started.has_value()) << started.error().Describe();
  EXPECT_NE((*started)->notice(), "");
}

TEST_F(ProcessDurabilityTest, ACleanStopLeavesNothingToFear) {
  Create({1}, {.voters = {{1}, {2}}, .learners = {}});
  Start({1});
  Stop({1});
  boot_id_ = "second";
  EXPECT_EQ(Start({1}).notice(), "");
}

TEST_F(ProcessDurabilityTest, NeedsToKnowTheRunOfTheMachine) {
  boot_id_.clear();
  Create({1}, {.voters = {{1}}, .learners = {}});
  const auto started = Replica::Start(SetupOf({1}));
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kUnsupported);
}

TEST_F(ReplicaTest, WhoAsksWhileItStopsIsAnswered) {
  Create({1}, {.voters = {{1}}, .learners = {}});
  Replica& replica = Start({1});
  std::atomic<int> answered{0};
  std::string operations;
  EncodePut(operations, "k", "v");
  Command command;
  command.operations = operations;
  for (int i = 0; i < 200; ++i) {
    replica.Submit(command, false, [&](const CommandReply&) { ++answered; });
    replica.Read([&](Fate) { ++answered; });
  }
  Stop({1});
  EXPECT_EQ(answered.load(), 400);
}

TEST_F(ReplicaTest, AChangeOfMembersShowsWhenItIsAnswered) {
  Create({1}, {.voters = {{1}}, .learners = {}});
  Replica& replica = Start({1});
  PutSomewhere("a", "1");
  std::promise<std::size_t> members;
  MembershipRequest add{.node = {2}, .member = {}};
  add.member = {.directory = "new", .peer_address = "a:1", .client_address = "a:2"};
  replica.ChangeMembership(add, [&](const MembershipReply& reply) {
    EXPECT_EQ(reply.fate, Fate::kDone);
    members.set_value(replica.Status().members.size());
  });
  EXPECT_EQ(members.get_future().get(), 2U);
}

TEST_F(ReplicaTest, ADirectoryIsMadeOnceAndOpenedOnce) {
  const Membership membership{.voters = {{1}}, .learners = {}};
  EXPECT_EQ(Replica::Start(SetupOf({1})).error().code, ErrorCode::kNotFound);
  Create({1}, membership);
  EXPECT_EQ(CreateNode(SetupOf({1}).node, {}, {}).error().code, ErrorCode::kAlreadyExists);
  Start({1});
  EXPECT_EQ(Replica::Start(SetupOf({1})).error().code, ErrorCode::kBusy);
}

}  // namespace
}  // namespace firn
