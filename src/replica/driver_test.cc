// SPDX-License-Identifier: Apache-2.0
#include "replica/driver.h"

#include <gtest/gtest.h>

#include "replica/client_testing.h"

namespace firn {
namespace {

TEST(Driver, ASingleNodeElectsItselfAndApplies) {
  TestCluster cluster(1, 1);
  Client client;
  Write& write = client.Put(ElectLeader(cluster), "a", "1");
  ASSERT_TRUE(cluster.StepUntil([&] { return write.reply.has_value(); }));
  EXPECT_EQ(write.reply->fate, Fate::kDone);
  EXPECT_EQ(ValueAt(cluster.node(1), "a"), "1");
}

TEST(Driver, NothingIsAcknowledgedBeforeItsEntryIsSynced) {
  TestCluster cluster(1, 1);
  TestReplica& leader = ElectLeader(cluster);
  cluster.StepUntil([&] { return leader.driver().applied() == leader.driver().durable_last(); });
  Client client;
  Write& write = client.Put(leader, "a", "1");
  cluster.weather.disk_idle = 100;
  cluster.Steps(20);
  EXPECT_FALSE(write.reply.has_value());
  EXPECT_FALSE(ValueAt(leader, "a")) << "not visible before it is durable";
  EXPECT_GT(leader.driver().write_overdue_ticks(), 2u);
  cluster.weather.disk_idle = 0;
  EXPECT_TRUE(cluster.StepUntil([&] { return write.reply.has_value(); }));
}

TEST(Driver, FiveNodesApplyTheSame) {
  TestCluster cluster(5, 7);
  TestReplica& leader = ElectLeader(cluster);
  Client client;
  for (int i = 0; i < 500; ++i) {
    client.Put(leader, "key" + std::to_string(i % 50), "value" + std::to_string(i));
    if (i % 20 == 0) {
      cluster.Step();
    }
  }
  ASSERT_TRUE(cluster.StepUntil([&] { return client.writes().back().reply.has_value(); }));
  cluster.Steps(20);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    EXPECT_EQ(ValueAt(cluster.node(id), "key49"), "value499") << id;
    EXPECT_EQ(cluster.node(id).machine().state().checksum, leader.machine().state().checksum);
  }
}

TEST(Driver, CommandsThatWaitShareAnEntry) {
  TestCluster cluster(3, 3);
  TestReplica& leader = ElectLeader(cluster);
  cluster.Steps(20);
  const LogIndex before = leader.driver().applied();
  Client client;
  for (int i = 0; i < 100; ++i) {
    client.Put(leader, "key" + std::to_string(i), "v");
  }
  ASSERT_TRUE(cluster.StepUntil([&] { return client.writes().back().reply.has_value(); }));
  EXPECT_EQ(leader.driver().applied(), before.Next());
  EXPECT_EQ(client.writes()[99].reply->outcome.revision,
            client.writes()[0].reply->outcome.revision + 99);
}

TEST(Driver, AFollowerRefusesWritesAndKnowsTheLeader) {
  TestCluster cluster(3, 3);
  TestReplica& leader = ElectLeader(cluster);
  cluster.Steps(20);
  TestReplica& follower = cluster.node(leader.id().value % 3 + 1);
  Client client;
  EXPECT_EQ(client.Put(follower, "a", "1").reply->fate, Fate::kNotLeader);
  EXPECT_EQ(follower.driver().state().leader, leader.id());
}

// A leader that reaches one follower alone goes on with entries that another leader replaces, while
// that follower's disk is slow: what its one write held twice must not be written twice.
TEST(Driver, CommittedEntriesAreNotWrittenAgainWhenThoseAfterThemAreReplaced) {
  TestCluster cluster(5, 3);
  TestReplica& leader = ElectLeader(cluster);
  cluster.Steps(20);
  TestReplica& slow = cluster.node(leader.id().value % 5 + 1);
  Client client;
  slow.disk_is_stuck = true;
  client.Put(leader, "a", "in the write that is stuck");
  cluster.Steps(20);
  Write& committed = client.Put(leader, "b", "1");
  ASSERT_TRUE(cluster.StepUntil([&] { return committed.reply.has_value(); }));
  for (std::uint64_t id = 1; id <= 5; ++id) {
    if (id != slow.id().value) {
      cluster.cut.insert({leader.id(), {id}});
    }
  }
  client.Put(leader, "b", "never committed");
  cluster.Steps(3);
  const LogIndex before = slow.driver().durable_last();
  ASSERT_TRUE(slow.scheduler().RunOne());
  cluster.Turn(slow);
  ASSERT_EQ(slow.driver().durable_last(), before.Next()) << "the next write holds both others";
  cluster.isolated.push_back(leader.id());
  const auto has_followed_another = [&] {
    const NodeId heard = slow.driver().state().leader;
    return heard != leader.id() && cluster.Leader() != nullptr && cluster.Leader()->id() == heard;
  };
  ASSERT_TRUE(cluster.StepUntil(has_followed_another));
  Write& last = client.Put(*cluster.Leader(), "b", "2");
  ASSERT_TRUE(cluster.StepUntil([&] { return last.reply.has_value(); }));
  slow.disk_is_stuck = false;
  ASSERT_TRUE(cluster.StepUntil([&] { return ValueAt(slow, "b") == "2"; }));
}

TEST(Driver, TooMuchThatWaitsIsRefusedAtOnce) {
  TestCluster cluster(3, 3);
  TestReplica& leader = ElectLeader(cluster);
  Client client;
  const std::string large(std::size_t{1} << 20, 'x');
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const Write& write = client.Put(leader, "key", large);
    refused += write.reply && write.reply->fate == Fate::kOverloaded ? 1 : 0;
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 20);
}

TEST(Driver, ReadsSeeEveryWriteAcknowledgedBeforeThem) {
  TestCluster cluster(5, 11);
  TestReplica& leader = ElectLeader(cluster);
  Client client;
  for (int round = 0; round < 20; ++round) {
    Write& write = client.Put(leader, "k", std::to_string(round));
    ASSERT_TRUE(cluster.StepUntil([&] { return write.reply.has_value(); }));
    TestReplica& reader = cluster.node(1 + cluster.random().Below(5));
    std::optional<Fate> fate;
    std::optional<std::string> seen;
    reader.driver().Read([&](Fate answer) {
      fate = answer;
      seen = ValueAt(reader, "k");
    });
    ASSERT_TRUE(cluster.StepUntil([&] { return fate.has_value(); }));
    EXPECT_EQ(fate, Fate::kDone);
    EXPECT_EQ(seen, std::to_string(round));
  }
}

// Writes until the disk, which has no more space, has taken all that fits.
std::vector<Write*> FillUp(TestCluster& cluster, TestReplica& node, Client& client) {
  std::vector<Write*> pending;
  node.files().SetQuota(0);
  for (int i = 0; i < 100 && node.driver().is_leader(); ++i) {
    Write& write = client.Put(node, "key" + std::to_string(i), std::string(4'000, 'v'));
    cluster.Steps(20);
    if (write.reply && write.reply->fate == Fate::kFull) {
      return pending;
    }
    if (!write.reply) {
      pending.push_back(&write);
    }
  }
  ADD_FAILURE() << "never full";
  return pending;
}

TEST(FullDisk, OfASingleNodeRefusesWritesAndIsReadUntilThereIsSpace) {
  TestCluster cluster(1, 5);
  TestReplica& node = ElectLeader(cluster);
  Client client;
  const std::vector<Write*> pending = FillUp(cluster, node, client);
  const Write& first = client.writes().front();
  ASSERT_TRUE(first.reply && first.reply->fate == Fate::kDone);
  std::optional<Fate> read;
  node.driver().Read([&](Fate fate) { read = fate; });
  ASSERT_TRUE(cluster.StepUntil([&] { return read.has_value(); }, 100));
  EXPECT_EQ(read, Fate::kDone);
  EXPECT_EQ(ValueAt(node, first.key), first.value);
  EXPECT_TRUE(node.driver().is_leader());

  node.files().SetQuota(std::nullopt);
  Write* write = nullptr;
  ASSERT_TRUE(cluster.StepUntil([&] {
    if (write == nullptr || (write->reply && write->reply->fate == Fate::kFull)) {
      write = &client.Put(node, "after", "1");
    }
    return write->reply && write->reply->fate == Fate::kDone;
  }));
  for (const Write* early : pending) {
    ASSERT_TRUE(early->reply.has_value());
    EXPECT_EQ(early->reply->fate, Fate::kDone);
  }
  for (const Write& asked : client.writes()) {
    const bool was_refused = asked.reply->fate == Fate::kFull && asked.key != "after";
    EXPECT_EQ(ValueAt(node, asked.key).has_value(), !was_refused) << asked.key;
  }
}

TEST(FullDisk, OfALeaderMakesItHandOver) {
  TestCluster cluster(3, 5);
  TestReplica& full = ElectLeader(cluster);
  cluster.Steps(20);
  Client client;
  FillUp(cluster, full, client);
  ASSERT_TRUE(cluster.StepUntil(
      [&] { return cluster.Leader() != nullptr && cluster.Leader() != &full; }, 200));
  Write& write = client.Put(*cluster.Leader(), "after", "1");
  ASSERT_TRUE(cluster.StepUntil([&] { return write.reply.has_value(); }));
  EXPECT_EQ(write.reply->fate, Fate::kDone);
  full.files().SetQuota(std::nullopt);
  EXPECT_TRUE(cluster.StepUntil([&] { return ValueAt(full, "after").has_value(); }));
}

TEST(Driver, AReadWithoutALeaderIsGivenUp) {
  TestCluster cluster(3, 5);
  ElectLeader(cluster);
  cluster.isolated = {{1}, {2}, {3}};
  std::optional<Fate> fate;
  cluster.Steps(300);
  cluster.node(1).driver().Read([&](Fate answer) { fate = answer; });
  EXPECT_TRUE(cluster.StepUntil([&] { return fate.has_value(); }));
  EXPECT_EQ(fate, Fate::kUnknown);
}

TEST(Driver, AnIsolatedLeaderAnswersNothingAndSaysThatItDoesNotKnow) {
  TestCluster cluster(3, 9);
  TestReplica& old = ElectLeader(cluster);
  cluster.Steps(20);
  cluster.isolated = {old.id()};
  Client client;
  Write& write = client.Put(old, "a", "lost");
  std::optional<Fate> read;
  old.driver().Read([&](Fate fate) { read = fate; });
  ASSERT_TRUE(
      cluster.StepUntil([&] { return cluster.Leader() != nullptr && cluster.Leader() != &old; }));
  Write& other = client.Put(*cluster.Leader(), "a", "kept");
  ASSERT_TRUE(cluster.StepUntil([&] { return other.reply && write.reply && read; }));
  EXPECT_EQ(other.reply->fate, Fate::kDone);
  EXPECT_EQ(write.reply->fate, Fate::kUnknown);
  EXPECT_EQ(read, Fate::kUnknown);
  cluster.isolated.clear();
  cluster.Steps(100);
  EXPECT_EQ(ValueAt(old, "a"), "kept");
}

TEST(Driver, TheLogIsTrimmedBehindFlushes) {
  TestCluster cluster(1, 2);
  TestReplica& leader = ElectLeader(cluster);
  Client client;
  for (int i = 0; i < 2000; ++i) {
    client.Put(leader, "key" + std::to_string(i), std::string(1000, 'x'));
    cluster.Step();
  }
  ASSERT_TRUE(cluster.StepUntil([&] { return client.writes().back().reply.has_value(); }));
  cluster.Steps(20);
  EXPECT_LT(leader.segment_count(), 10u) << "of more than thirty that were written";
  leader.LosePower(cluster.random());
  leader.Start();
  Write& write = client.Put(ElectLeader(cluster), "after", "it");
  ASSERT_TRUE(cluster.StepUntil([&] { return write.reply.has_value(); }));
  EXPECT_EQ(ValueAt(leader, "key1999"), std::string(1000, 'x'));
  EXPECT_EQ(ValueAt(leader, "key0"), std::string(1000, 'x'));
}

TEST(Driver, AFailedSyncEndsTheNode) {
  TestCluster cluster(1, 2);
  TestReplica& leader = ElectLeader(cluster);
  cluster.Steps(20);
  leader.files().Plant({.kind = OperationKind::kSync});
  Client client;
  Write& write = client.Put(leader, "a", "1");
  Result<void> turned = leader.driver().Turn();
  for (int i = 0; i < 20 && turned; ++i) {
    leader.scheduler().RunOne();
    turned = leader.driver().Turn();
  }
  EXPECT_EQ(turned.error().code, ErrorCode::kIo);
  EXPECT_FALSE(write.reply.has_value());
  leader.Stop();
  EXPECT_EQ(write.reply->fate, Fate::kUnknown);
}

// Bad weather, crashes with power loss and isolation, then calm: whatever was acknowledged is
// there, on every node, and what a key holds was written to it.
class Storm {
 public:
  Storm(std::uint64_t count, std::uint64_t seed) : cluster_(count, seed), random_(seed + 1) {}

  void Rage(int steps) {
    for (int step = 0; step < steps; ++step) {
      if (step % 100 == 0) {
        Change();
      }
      if (random_.OneIn(150)) {
        Crash();
      }
      if (TestReplica* leader = cluster_.Leader(); leader != nullptr && random_.OneIn(3)) {
        client_.Put(*leader, "key" + std::to_string(random_.Below(20)),
                    std::to_string(client_.writes().size()));
      }
      Restart(false);
      cluster_.Step();
    }
  }

  void CalmAndCheck() {
    cluster_.weather = {};
    cluster_.isolated.clear();
    Restart(true);
    bool is_done = false;
    for (int attempt = 0; attempt < 20 && !is_done; ++attempt) {
      ASSERT_TRUE(cluster_.StepUntil([&] { return cluster_.Leader() != nullptr; }));
      Write& last = client_.Put(*cluster_.Leader(), "last", "one");
      ASSERT_TRUE(cluster_.StepUntil([&] { return last.reply.has_value(); }));
      is_done = last.reply->fate == Fate::kDone;
    }
    ASSERT_TRUE(is_done);
    cluster_.Steps(400);
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      Check(cluster_.node(id));
    }
  }

  std::uint64_t acknowledged() const {
    return static_cast<std::uint64_t>(std::ranges::count_if(client_.writes(), IsAcknowledged));
  }

 private:
  static bool IsAcknowledged(const Write& write) {
    return write.reply && write.reply->fate == Fate::kDone;
  }

  void Change() {
    cluster_.weather = {.loss = static_cast<unsigned>(random_.Below(30)),
                        .duplication = static_cast<unsigned>(random_.Below(20)),
                        .delay_max = 1 + random_.Below(12),
                        .disk_idle = static_cast<unsigned>(random_.Below(95))};
    cluster_.isolated.clear();
    if (random_.OneIn(2)) {
      cluster_.isolated.push_back({1 + random_.Below(cluster_.size())});
    }
  }

  void Crash() {
    TestReplica& node = cluster_.node(1 + random_.Below(cluster_.size()));
    if (node.is_up()) {
      node.LosePower(random_);
    }
  }

  void Restart(bool all) {
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      if (!cluster_.node(id).is_up() && (all || random_.OneIn(60))) {
        cluster_.node(id).Start();
      }
    }
  }

  // The value of a key is of the acknowledged write with the largest revision, or of one whose fate
  // is not known.
  void Check(TestReplica& node) {
    EXPECT_EQ(ValueAt(node, "last"), "one") << node.id().value;
    std::map<std::string, const Write*> newest;
    for (const Write& write : client_.writes()) {
      if (IsAcknowledged(write)) {
        const Write*& known = newest[write.key];
        if (known == nullptr || known->reply->outcome.revision < write.reply->outcome.revision) {
          known = &write;
        }
      }
    }
    for (const auto& [key, write] : newest) {
      const TracedRead read = node.machine().engine().Get(key, {}).value();
      ASSERT_TRUE(read.value.has_value()) << key << " at node " << node.id().value;
      ASSERT_GE(read.sequence.value, write->reply->outcome.revision) << key;
      if (read.sequence.value == write->reply->outcome.revision) {
        ASSERT_EQ(*read.value, write->value) << key;
      }
    }
  }

  TestCluster cluster_;
  Random random_;
  Client client_;
};

TEST(DriverStorm, WhatWasAcknowledgedSurvivesLossDelayIsolationAndPowerLoss) {
  std::uint64_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Storm storm(seed % 3 == 0 ? 3 : 5, seed);
    storm.Rage(1500);
    storm.CalmAndCheck();
    acknowledged += storm.acknowledged();
    if (testing::Test::HasFatalFailure()) {
      return;
    }
  }
  std::printf("%llu writes acknowledged\n", static_cast<unsigned long long>(acknowledged));
  EXPECT_GT(acknowledged, 1000u);
}

}  // namespace
}  // namespace firn
