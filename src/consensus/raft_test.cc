// SPDX-License-Identifier: Apache-2.0
//
// That the face says what the library means, and the properties of the library that the rules of
// replication stand on: each was once found out the hard way by somebody.
#include "consensus/raft.h"

#include <gtest/gtest.h>

#include <thread>

#include "consensus/raft_testing.h"

namespace firn {
namespace {

std::vector<std::string> DataOf(const std::vector<LogEntry>& entries) {
  std::vector<std::string> data;
  for (const LogEntry& entry : entries) {
    if (entry.kind == EntryKind::kData && !entry.data.empty()) {
      data.push_back(entry.data);
    }
  }
  return data;
}

TEST(Raft, ASingleVoterElectsItselfAndCommits) {
  TestRaftCluster cluster(1);
  cluster.ElectFirst();
  EXPECT_TRUE(cluster.node(1).raft->Propose("a"));
  cluster.Settle();
  EXPECT_EQ(DataOf(cluster.node(1).applied), std::vector<std::string>{"a"});
}

TEST(Raft, WhatTheLeaderProposesIsAppliedByAllInOneOrder) {
  TestRaftCluster cluster(5);
  cluster.ElectFirst();
  for (const char* data : {"a", "b", "c"}) {
    EXPECT_TRUE(cluster.node(1).raft->Propose(data));
  }
  cluster.Tick(3);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    EXPECT_EQ(DataOf(cluster.node(id).applied), (std::vector<std::string>{"a", "b", "c"})) << id;
  }
}

TEST(Raft, AFollowerDropsProposalsInsteadOfForwardingThem) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  EXPECT_FALSE(cluster.node(2).raft->Propose("a"));
}

TEST(Raft, ProposalsBeyondTheUncommittedLimitAreDropped) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  const std::string large(std::size_t{1} << 20, 'x');
  int taken = 0;
  while (cluster.node(1).raft->Propose(large)) {
    ASSERT_LT(++taken, 20);
  }
  EXPECT_GE(taken, 7);
  cluster.Tick(3);
  EXPECT_TRUE(cluster.node(1).raft->Propose(large)) << "room again once they are committed";
}

// I-R1: the library counts the leader's own entry as acknowledged when it is appended.
TEST(Raft, TheCommitIndexOfMessagesIsLoweredToWhatIsDurable) {
  TestRaftCluster cluster(1);
  cluster.ElectFirst();
  TestRaftNode& leader = cluster.node(1);
  MembershipChange learner{
      .kind = MembershipChange::Kind::kAddLearner, .node = {2}, .context = "uuid"};
  EXPECT_TRUE(leader.raft->ProposeChange(learner));
  cluster.Settle();
  EXPECT_EQ(leader.membership.learners, std::vector<NodeId>{{2}});
  const LogIndex durable = leader.storage.LastIndex();

  EXPECT_TRUE(leader.raft->Propose("not on disk"));
  Ready ready = leader.raft->TakeReady(durable);
  EXPECT_EQ(ready.entries.size(), 1u);
  EXPECT_GT(ready.state.hard.commit, durable) << "committed by one vote that is not on disk yet";
  leader.raft->Tick();
  Outbox outbox = leader.raft->TakeOutbox(durable);
  ASSERT_FALSE(outbox.messages.empty());
  TestRaftNode peer({2}, {}, 1);
  for (const auto* messages : {&ready.messages, &outbox.messages}) {
    for (const RaftMessage& message : *messages) {
      peer.raft->Step(message.bytes).value();
    }
  }
  EXPECT_EQ(peer.panic, "");
  EXPECT_LE(peer.raft->Status().state.hard.commit, durable);
}

TEST(Raft, AnOutstandingReadyLetsHeartbeatsOut) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  TestRaftNode& leader = cluster.node(1);
  EXPECT_TRUE(leader.raft->Propose("slow disk"));
  const LogIndex durable = leader.storage.LastIndex();
  const Ready ready = leader.raft->TakeReady(durable);
  leader.raft->Tick();
  const Outbox outbox = leader.raft->TakeOutbox(durable);
  EXPECT_TRUE(std::ranges::any_of(outbox.messages, [](const RaftMessage& message) {
    return message.kind == RaftMessageKind::kHeartbeat;
  }));
  leader.storage.Append(ready.entries);
  leader.raft->Advance();
  cluster.Tick(3);
  EXPECT_EQ(DataOf(cluster.node(1).applied), std::vector<std::string>{"slow disk"});
}

TEST(Raft, ReadIndexAnswersWithTheContextAndAnIndexThatCoversEarlierWrites) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  cluster.node(1).raft->Propose("a");
  cluster.Tick(2);
  const LogIndex written = cluster.node(1).applied.back().index;
  for (const std::uint64_t reader : {1u, 2u}) {
    cluster.node(reader).reads.clear();
    cluster.node(reader).raft->ReadIndex("context " + std::to_string(reader));
    cluster.Tick(2);
    ASSERT_EQ(cluster.node(reader).reads.size(), 1u) << reader;
    EXPECT_EQ(cluster.node(reader).reads[0].context, "context " + std::to_string(reader));
    EXPECT_GE(cluster.node(reader).reads[0].index, written);
  }
}

TEST(Raft, ALeaderWithoutQuorumStepsDownAndAnswersNoRead) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  cluster.cut = {{1}};
  cluster.node(1).raft->ReadIndex("alone");
  cluster.Tick(40);
  EXPECT_EQ(cluster.node(1).state.role == RaftRole::kLeader, false);
  EXPECT_TRUE(cluster.node(1).reads.empty());
  EXPECT_TRUE(cluster.node(2).state.role == RaftRole::kLeader ||
              cluster.node(3).state.role == RaftRole::kLeader);
}

TEST(Raft, LeadershipIsHandedOverWhenAsked) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  cluster.node(1).raft->TransferLeadership({3});
  cluster.Tick(2);
  EXPECT_EQ(cluster.node(3).state.role, RaftRole::kLeader);
}

TEST(Raft, MembershipChangesCarryTheirContextAndNameEveryMember) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  const MembershipChange change{
      .kind = MembershipChange::Kind::kAddLearner, .node = {9}, .context = "directory uuid"};
  EXPECT_TRUE(cluster.node(1).raft->ProposeChange(change));
  cluster.Tick(3);
  const Membership expected{.voters = {{1}, {2}, {3}}, .learners = {{9}}};
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(cluster.node(id).membership, expected);
    const LogEntry& entry = cluster.node(id).applied.back();
    EXPECT_EQ(DecodeMembershipChange(entry.data).value(), change);
  }
}

// I-R5: a learner for which the leader's snapshot is too old is told to wait, not sent it.
TEST(Raft, ANewLearnerIsCaughtUpByASnapshotThatListsIt) {
  TestRaftCluster cluster(1);
  cluster.ElectFirst();
  TestRaftNode& leader = cluster.node(1);
  leader.raft->Propose("a");
  cluster.Settle();
  leader.raft->ProposeChange({MembershipChange::Kind::kAddLearner, {2}, {}});
  cluster.Settle();
  const LogIndex applied = leader.applied.back().index;
  leader.storage.Compact({.index = applied,
                          .term = leader.applied.back().term,
                          .membership = leader.membership,
                          .data = "checkpoint 7"});
  leader.storage.can_snapshot = false;
  TestRaftNode& learner = cluster.Add(2);
  cluster.Tick(10);
  EXPECT_EQ(learner.storage.FirstIndex(), (LogIndex{2})) << "there was no snapshot to send";
  leader.storage.can_snapshot = true;
  cluster.Tick(10);
  EXPECT_EQ(learner.storage.FirstIndex(), applied.Next());
  EXPECT_EQ(learner.storage.Snapshot()->data, "checkpoint 7");
  leader.raft->ReportSnapshot({2}, true);
  leader.raft->Propose("b");
  cluster.Tick(5);
  EXPECT_EQ(DataOf(learner.applied), std::vector<std::string>{"b"});
}

TEST(Raft, StatusTellsHowFarPeersAre) {
  TestRaftCluster cluster(3);
  cluster.ElectFirst();
  cluster.cut = {{3}};
  cluster.node(1).raft->Propose("a");
  cluster.Tick(2);
  const RaftStatus status = cluster.node(1).raft->Status();
  ASSERT_EQ(status.peers.size(), 3u);
  EXPECT_EQ(status.state.role, RaftRole::kLeader);
  EXPECT_EQ(status.state.leader, (NodeId{1}));
  EXPECT_EQ(status.peers[1].match, status.state.hard.commit);
  EXPECT_LT(status.peers[2].match, status.state.hard.commit);
}

TEST(Raft, BytesThatNoPeerSendsAreRefused) {
  TestRaftCluster cluster(1);
  for (const std::string& bytes : {std::string("nonsense"), std::string(1000, '\xff'),
                                   std::string("\x08\x00", 2) /* asks it to campaign */,
                                   std::string("\x08\x02", 2), std::string("\x08\x63", 2)}) {
    const Result<void> stepped = cluster.node(1).raft->Step(bytes);
    ASSERT_FALSE(stepped) << bytes.size();
    EXPECT_EQ(stepped.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(cluster.node(1).panic, "");
  EXPECT_FALSE(DecodeMembershipChange("\xff\xff"));
  EXPECT_FALSE(DecodeSnapshotMessage("nonsense"));
}

TEST(Raft, APanicIsReportedOnceAndEndsTheNode) {
  TestRaftCluster cluster(1);
  TestRaftNode& node = cluster.node(1);
  cluster.ElectFirst();
  node.raft->Propose("a");
  (void)node.raft->TakeReady({1});
  (void)node.raft->TakeReady({1});  // One is outstanding.
  EXPECT_EQ(node.panic, "a ready is outstanding");
  EXPECT_TRUE(node.raft->panicked());
  node.raft->Tick();
  EXPECT_FALSE(node.raft->Propose("b"));
  EXPECT_FALSE(node.raft->HasReady());
}

TEST(RaftDeathTest, WithoutAHandlerAPanicAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // Go does not survive a fork without exec.
  EXPECT_DEATH(
      {
        MemoryRaftStorage storage({.voters = {{1}}, .learners = {}});
        RaftConfig config;
        config.id = {1};
        config.applied = {1};
        auto raft = Raft::Start(std::move(config), storage).value();
        raft->Advance();
      },
      "raft panicked: no ready is outstanding");
}

TEST(Raft, AStateThatNoNodeCanBeInIsRefusedAtStart) {
  MemoryRaftStorage storage({.voters = {{1}}, .learners = {}});
  storage.SetHardState({.term = {1}, .vote = {}, .commit = {9}});
  RaftConfig config;
  config.id = {1};
  const auto raft = Raft::Start(std::move(config), storage);
  ASSERT_FALSE(raft);
  EXPECT_EQ(raft.error().code, ErrorCode::kCorruption);
  EXPECT_NE(raft.error().context.find("out of range"), std::string::npos) << raft.error().context;
}

TEST(Raft, NodesOfManyThreadsTakeTurns) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      RunInsideBridge([] {
        TestRaftCluster cluster(3);
        cluster.ElectFirst();
        cluster.node(1).raft->Propose("a");
        cluster.Tick(2);
        EXPECT_EQ(DataOf(cluster.node(2).applied), std::vector<std::string>{"a"});
      });
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace firn
