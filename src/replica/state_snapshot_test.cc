// SPDX-License-Identifier: Apache-2.0
//
// Whole states on their way from node to node, and nodes that come and go.
#include <gtest/gtest.h>

#include "replica/client_testing.h"
#include "replica/forwarder.h"

namespace firn {
namespace {

class Cluster {
 public:
  explicit Cluster(std::uint64_t count, std::uint64_t seed = 1) : world(count, seed) {
    ElectLeader(world);
    world.Steps(20);
  }

  TestReplica& leader() {
    EXPECT_TRUE(world.StepUntil([&] { return world.Leader() != nullptr; }));
    return *world.Leader();
  }
  CommandReply Put(const std::string& key, const std::string& value) {
    CommandReply reply;
    for (int attempt = 0; attempt < 20 && reply.fate != Fate::kDone; ++attempt) {
      Write& write = client.Put(leader(), key, value);
      EXPECT_TRUE(world.StepUntil([&] { return write.reply.has_value(); }));
      reply = write.reply.value_or(CommandReply());
      world.Step();
    }
    return reply;
  }
  void Fill(int count, std::size_t value_bytes, const std::string& tag) {
    for (int i = 0; i < count; ++i) {
      client.Put(leader(), "key" + std::to_string(i), tag + std::string(value_bytes, 'x'));
      world.Step();
    }
    EXPECT_EQ(Put("filled", tag).fate, Fate::kDone);
  }
  MembershipReply Change(const MembershipRequest& request) {
    std::optional<MembershipReply> reply;
    leader().driver().ChangeMembership(request, [&](const MembershipReply& came) { reply = came; });
    EXPECT_TRUE(world.StepUntil([&] { return reply.has_value(); }));
    return reply.value_or(MembershipReply());
  }
  MembershipReply Add(std::uint64_t id) {
    return Change({.kind = MembershipRequest::Kind::kAdd,
                   .node = {id},
                   .member = TestReplica::MemberOf({id})});
  }
  MembershipReply Promote(std::uint64_t id) {
    return Change({.kind = MembershipRequest::Kind::kPromote, .node = {id}, .member = {}});
  }
  MembershipReply Remove(std::uint64_t id) {
    return Change({.kind = MembershipRequest::Kind::kRemove, .node = {id}, .member = {}});
  }
  bool CatchesUp(std::uint64_t id) {
    return world.StepUntil([&] {
      TestReplica* leads = world.Leader();
      return leads != nullptr && world.node(id).is_up() &&
             world.node(id).driver().applied() == leads->driver().applied();
    });
  }
  void ExpectSame(std::uint64_t id) {
    EXPECT_TRUE(CatchesUp(id));
    EXPECT_EQ(world.node(id).machine().state().checksum, leader().machine().state().checksum);
    EXPECT_EQ(ValueAt(world.node(id), "filled"), ValueAt(leader(), "filled"));
    EXPECT_EQ(ValueAt(world.node(id), "key0"), ValueAt(leader(), "key0"));
  }

  TestCluster world;
  Client client;
};

TEST(StateSnapshot, ANodeThatWasAwayForTooLongGetsTheStore) {
  Cluster cluster(3);
  TestReplica& away = cluster.world.node(cluster.leader().id().value % 3 + 1);
  away.LosePower(cluster.world.random());
  cluster.Fill(600, 1000, "new");
  away.Start();
  cluster.ExpectSame(away.id().value);
  EXPECT_EQ(cluster.Put("after", "it").fate, Fate::kDone);
  // What is in place stays there.
  away.LosePower(cluster.world.random());
  away.Start();
  cluster.ExpectSame(away.id().value);
  EXPECT_EQ(std::ranges::count_if(away.Listing(),
                                  [](const auto& name) { return name.starts_with("store-"); }),
            1);
}

TEST(StateSnapshot, ReadersOfTheOldStoreReadOnInIt) {
  Cluster cluster(3);
  cluster.Fill(10, 10, "old");
  TestReplica& away = cluster.world.node(cluster.leader().id().value % 3 + 1);
  ASSERT_TRUE(cluster.CatchesUp(away.id().value));
  const auto engine = away.machine().shared_engine();
  std::optional<Iterator> rows = engine->NewIterator({});
  rows->Seek("key0");
  cluster.world.isolated = {away.id()};
  cluster.Fill(600, 1000, "new");
  cluster.world.isolated.clear();
  cluster.ExpectSame(away.id().value);
  EXPECT_NE(away.machine().shared_engine(), engine);
  ASSERT_TRUE(rows->valid());
  EXPECT_EQ(rows->value().substr(0, 3), "old");
  rows->Next();
  EXPECT_TRUE(rows->valid());
}

TEST(StateSnapshot, OneNodeGrowsToFiveUnderLoad) {
  Cluster cluster(1);
  cluster.Fill(300, 500, "first");
  for (std::uint64_t id = 2; id <= 5; ++id) {
    cluster.world.AddNode(id);
    EXPECT_EQ(cluster.Add(id).fate, Fate::kDone);
  }
  for (std::uint64_t id = 2; id <= 5; ++id) {
    for (int i = 0; i < 50; ++i) {
      cluster.client.Put(cluster.leader(), "load" + std::to_string(i), std::string(500, 'y'));
      cluster.world.Step();
    }
    ASSERT_TRUE(cluster.CatchesUp(id));
    cluster.world.Steps(30);
    const MembershipReply promoted = cluster.Promote(id);
    EXPECT_EQ(promoted.fate, Fate::kDone) << promoted.reason;
  }
  EXPECT_EQ(cluster.leader().machine().state().membership.voters.size(), 5u);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    cluster.ExpectSame(id);
  }
  // It now survives the loss of two.
  const std::uint64_t leader = cluster.leader().id().value;
  cluster.world.isolated = {{leader}, {leader % 5 + 1}};
  ASSERT_TRUE(cluster.world.StepUntil([&] {
    TestReplica* now = cluster.world.Leader();
    return now != nullptr && now->id().value != leader;
  }));
  EXPECT_EQ(cluster.Put("still", "here").fate, Fate::kDone);
}

TEST(StateSnapshot, ALostNodeIsReplaced) {
  Cluster cluster(3);
  cluster.Fill(50, 100, "x");
  TestReplica& lost = cluster.world.node(cluster.leader().id().value % 3 + 1);
  lost.Stop();
  cluster.world.AddNode(4);
  EXPECT_EQ(cluster.Add(4).fate, Fate::kDone);
  ASSERT_TRUE(cluster.CatchesUp(4));
  cluster.world.Steps(30);
  EXPECT_EQ(cluster.Promote(4).fate, Fate::kDone);
  EXPECT_EQ(cluster.Remove(lost.id().value).fate, Fate::kDone);
  cluster.ExpectSame(4);
  EXPECT_EQ(cluster.leader().machine().state().members.count(lost.id()), 0u);
}

TEST(StateSnapshot, ChangesThatMakeNoSenseAreRefusedWithTheReason) {
  Cluster cluster(1);
  EXPECT_EQ(cluster.Promote(9).reason, "node 9 is no member");
  EXPECT_EQ(cluster.Remove(9).reason, "node 9 is no member");
  EXPECT_EQ(cluster.Remove(1).reason,
            "node 1 is the only voter; a cluster cannot lose its last one");
  EXPECT_EQ(
      cluster.Change({.kind = MembershipRequest::Kind::kAdd, .node = {}, .member = {}}).reason,
      "a node that joins needs a directory id and a peer address");
  EXPECT_EQ(cluster.Add(2).fate, Fate::kDone);
  EXPECT_EQ(cluster.Add(2).fate, Fate::kDone) << "asked again, answered the same";
  EXPECT_EQ(cluster.Promote(2).reason,
            "node 2 has not been heard of lately; start it, then ask again");
  EXPECT_EQ(cluster.Remove(2).fate, Fate::kDone);
  EXPECT_EQ(cluster.Add(2).reason,
            "node 2 is an id that was used before; ids are never used again, choose 3 or above");
  EXPECT_EQ(cluster.Add(0).node, NodeId{3});
}

TEST(StateSnapshot, ALeaderThatIsToGoHandsOverFirst) {
  Cluster cluster(3);
  const NodeId leader = cluster.leader().id();
  EXPECT_EQ(cluster.Remove(leader.value).fate, Fate::kNotLeader);
  ASSERT_TRUE(cluster.world.StepUntil([&] {
    TestReplica* now = cluster.world.Leader();
    return now != nullptr && now->id() != leader &&
           !cluster.world.node(leader.value).driver().is_leader();
  }));
  cluster.world.Steps(30);
  EXPECT_EQ(cluster.Remove(leader.value).fate, Fate::kDone);
  EXPECT_EQ(cluster.Put("k", "v").fate, Fate::kDone);
}

// Power is lost again and again while the store is being fetched and put in place, on a network
// that loses parts.
TEST(StateSnapshot, CrashesAtAnyMomentOfAnInstallationAreSafe) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Cluster cluster(3, seed);
    Random random(seed);
    TestReplica& away = cluster.world.node(cluster.leader().id().value % 3 + 1);
    cluster.world.isolated = {away.id()};
    cluster.Fill(500, 1000, "new");
    cluster.world.isolated.clear();
    cluster.world.weather = {.loss = 10, .duplication = 10, .delay_max = 4, .disk_idle = 50};
    for (int crash = 0; crash < 12; ++crash) {
      cluster.world.Steps(static_cast<int>(random.Below(60)));
      away.LosePower(random);
      cluster.world.Steps(5);
      away.Start();
    }
    cluster.world.weather = {};
    cluster.ExpectSame(away.id().value);
    if (testing::Test::HasFailure()) {
      return;
    }
  }
}

void FlipByte(FileSystem& disk, const std::string& path, std::size_t at) {
  std::string bytes = ReadWholeFile(disk, path).value();
  ASSERT_LT(at, bytes.size());
  bytes[at] = static_cast<char>(~bytes[at]);
  disk.Delete(path).value();
  disk.CreateAppendable(path).value()->Append(bytes).value();
}

// A node is away until only the whole store helps, and ends once 20 parts of it have come. How many
// come until it has caught up.
class ResumedFetch : public testing::Test {
 protected:
  ResumedFetch() {
    cluster_.world.isolated = {away_.id()};
    cluster_.Fill(600, 1000, "new");
    cluster_.world.isolated.clear();
  }
  std::uint64_t PartsUntilCaughtUp(const std::function<void()>& in_the_middle) {
    EXPECT_TRUE(cluster_.world.StepUntil([&] { return cluster_.world.chunks() >= kBefore; }));
    in_the_middle();
    cluster_.ExpectSame(away_.id().value);
    EXPECT_EQ(away_.installs(), 1u);
    EXPECT_TRUE(cluster_.world.StepUntil([&] { return Stores().size() == 1; }));
    return cluster_.world.chunks();
  }
  std::vector<std::string> Stores() {
    std::vector<std::string> names = away_.Listing();
    std::erase_if(names, [](const auto& name) { return !name.starts_with("store-"); });
    return names;
  }
  // Of an undisturbed fetch of the same.
  static std::uint64_t PartsOfAll() {
    Cluster other(3);
    TestReplica& away = other.world.node(other.leader().id().value % 3 + 1);
    other.world.isolated = {away.id()};
    other.Fill(600, 1000, "new");
    other.world.isolated.clear();
    other.ExpectSame(away.id().value);
    return other.world.chunks();
  }
  static constexpr std::uint64_t kBefore = 20;

  Cluster cluster_{3};
  TestReplica& away_ = cluster_.world.node(cluster_.leader().id().value % 3 + 1);
};

TEST_F(ResumedFetch, OverAKillFilesThatAreThereAreNotFetchedAgain) {
  const std::uint64_t parts = PartsUntilCaughtUp([&] {
    away_.Kill();
    away_.Start();
  });
  EXPECT_GE(PartsOfAll(), 2 * kBefore);
  EXPECT_LE(parts, PartsOfAll() + kBefore / 2);
}

TEST_F(ResumedFetch, OverALossOfPowerFilesThatAreThereAreNotFetchedAgain) {
  const std::uint64_t parts = PartsUntilCaughtUp([&] {
    away_.LosePower(cluster_.world.random());
    away_.Start();
  });
  EXPECT_LE(parts, PartsOfAll() + kBefore / 2);
}

// Its mark does not show it: the store that it is put into is verified.
TEST_F(ResumedFetch, AFileThatWasDamagedMeanwhileIsNotUsed) {
  const std::uint64_t parts = PartsUntilCaughtUp([&] {
    away_.Kill();
    const std::vector<std::string> stores = Stores();
    ASSERT_EQ(stores.size(), 2u);
    const std::string path = "/node/" + stores.back();
    for (const std::string& name : away_.disk().List(path).value()) {
      if (name.ends_with(".sst")) {
        FlipByte(away_.disk(), JoinPath(path, name), 100);
      }
    }
    away_.Start();
  });
  EXPECT_GT(parts, PartsOfAll() + kBefore / 2) << "all of it was fetched again";
}

TEST(StateSnapshot, WhatNoFetchNeedsIsRemovedAfterAWhile) {
  Cluster cluster(3);
  TestReplica& node = cluster.world.node(1);
  node.Kill();
  node.disk().CreateDirectory("/node/store-7").value();
  node.disk().CreateAppendable("/node/store-7/L0_001.sst").value();
  node.Start();
  const auto is_there = [&] {
    const std::vector<std::string> names = node.Listing();
    return std::ranges::find(names, "store-7") != names.end();
  };
  EXPECT_TRUE(is_there());
  EXPECT_TRUE(cluster.world.StepUntil([&] { return !is_there(); }, 10'000));
}

TEST(StateSnapshot, ALeaderThatGoesInTheMiddleStrandsNobody) {
  Cluster cluster(3);
  const std::uint64_t first = cluster.leader().id().value;
  TestReplica& away = cluster.world.node(first % 3 + 1);
  cluster.world.isolated = {away.id()};
  cluster.Fill(600, 1000, "new");
  cluster.world.isolated.clear();
  cluster.world.Steps(12);
  cluster.world.node(first).LosePower(cluster.world.random());
  ASSERT_TRUE(cluster.world.StepUntil([&] { return cluster.world.Leader() != nullptr; }));
  cluster.ExpectSame(away.id().value);
  cluster.world.node(first).Start();
  cluster.ExpectSame(first);
}

TEST(Forwarding, AFollowerCarriesWritesToTheLeader) {
  Cluster cluster(3);
  cluster.client.forwards = true;
  TestReplica& follower = cluster.world.node(cluster.leader().id().value % 3 + 1);
  cluster.world.weather.duplication = 50;
  for (int i = 0; i < 50; ++i) {
    Write& write = cluster.client.Put(follower, "k" + std::to_string(i), "v");
    ASSERT_TRUE(cluster.world.StepUntil([&] { return write.reply.has_value(); }));
    EXPECT_EQ(write.reply->fate, Fate::kDone);
    EXPECT_EQ(ValueAt(cluster.leader(), write.key), "v");
  }
  // Each was applied once, however often its message came.
  const std::uint64_t last = cluster.client.writes().back().reply->outcome.revision;
  const std::uint64_t first = cluster.client.writes().front().reply->outcome.revision;
  EXPECT_EQ((last >> kOrdinalBits) - (first >> kOrdinalBits), 49u);
}

TEST(Forwarding, WithoutAnAnswerTheFateIsUnknown) {
  Cluster cluster(3);
  cluster.client.forwards = true;
  TestReplica& follower = cluster.world.node(cluster.leader().id().value % 3 + 1);
  cluster.world.weather.loss = 100;
  Write& write = cluster.client.Put(follower, "k", "v");
  ASSERT_TRUE(cluster.world.StepUntil([&] { return write.reply.has_value(); }));
  EXPECT_EQ(write.reply->fate, Fate::kUnknown);
}

class SentMessages final : public PeerSender {
 public:
  void Send(const RaftMessage&) override {}
  void Send(const PeerMessage& message) override { messages.push_back(message); }
  void SetMembers(const std::map<NodeId, Member>&) override {}

  // Of the answer that was sent last; nothing when there is none.
  std::optional<Fate> LastFate() {
    if (messages.empty()) {
      return std::nullopt;
    }
    const ForwardedReply answer = DecodeForwardedReply(messages.back().bytes).value();
    messages.clear();
    return answer.reply.fate;
  }

  std::vector<PeerMessage> messages;
};

TEST(Forwarding, ACopyThatWasHeldBackDoesNotDenyWhatWasTaken) {
  std::string operations;
  EncodePut(operations, "k", "v");
  SentMessages to_leader;
  Forwarder follower({.peers = to_leader, .boot = 1});
  follower.Send({.operations = operations}, Term{2}, NodeId{2}, [](const CommandReply&) {});
  const std::string copy = to_leader.messages.front().bytes;

  SentMessages answers;
  const auto take = [](const Command&, const Forwarder::Reply&) {};
  const auto never = [](const Command&, const Forwarder::Reply&) { FAIL(); };
  Forwarder leader({.peers = answers, .boot = 2, .born = Term{1}});
  leader.Receive({1}, copy, Term{2}, take);
  leader.Receive({1}, copy, Term{}, never);
  leader.Receive({1}, copy, Term{3}, never);
  EXPECT_EQ(answers.LastFate(), std::nullopt) << "the first copy is answered when it ends";

  Forwarder reborn({.peers = answers, .boot = 3, .born = Term{2}});
  reborn.Receive({1}, copy, Term{}, never);
  EXPECT_EQ(answers.LastFate(), Fate::kUnknown) << "an earlier life may have taken it";
  Forwarder other({.peers = answers, .boot = 4, .born = Term{1}});
  other.Receive({1}, copy, Term{}, never);
  EXPECT_EQ(answers.LastFate(), Fate::kNotLeader);
}

TEST(StaleReads, AreServedWithinTheirBoundAndNotBeyond) {
  Cluster cluster(3);
  TestReplica& follower = cluster.world.node(cluster.leader().id().value % 3 + 1);
  const auto ask = [&](std::uint64_t age_ms) {
    std::optional<Fate> fate;
    follower.driver().ReadStale(age_ms, [&](Fate came) { fate = came; });
    EXPECT_TRUE(cluster.world.StepUntil([&] { return fate.has_value(); }));
    return fate.value_or(Fate::kStopped);
  };
  EXPECT_EQ(ask(1000), Fate::kDone);
  cluster.world.isolated = {follower.id()};
  cluster.world.Steps(50);  // 500 ms.
  EXPECT_EQ(ask(5000), Fate::kDone);
  cluster.world.Steps(200);
  EXPECT_EQ(ask(1000), Fate::kTooStale);
  EXPECT_EQ(ask(0), Fate::kDone) << "any age will do";
}

TEST(Auditor, ANodeWhoseRowsHaveChangedStopsItself) {
  Cluster cluster(3);
  cluster.Fill(20, 10, "x");
  const NodeId bad{cluster.leader().id().value % 3 + 1};
  TestReplica& node = cluster.world.node(bad.value);
  // Behind the back of the log: a value under an old revision of its own.
  std::string operations;
  EncodePut(operations, "key0", "flipped");
  const std::string state = Encode(node.machine().state());
  const ReplicaWrite replica{.first_sequence = {(node.driver().applied().value << 16) + 60'000},
                             .state = state};
  CommitRequest request;
  request.operations = operations;
  request.operation_count = 1;
  request.replica = &replica;
  request.may_wait = false;
  WriteOptions options;
  options.applied_index = node.driver().applied().value;
  node.machine().engine().Write(request, options).value();
  std::optional<std::pair<NodeId, Error>> stopped;
  cluster.world.on_error = [&](TestReplica& ended, const Error& error) {
    stopped = {ended.id(), error};
    ended.Stop();
  };
  for (int i = 0; i < 130 && !stopped; ++i) {
    cluster.Put("more" + std::to_string(i), "v");
  }
  ASSERT_TRUE(stopped.has_value());
  EXPECT_EQ(stopped->first, bad);
  EXPECT_EQ(stopped->second.code, ErrorCode::kCorruption);
  EXPECT_NE(stopped->second.context.find("rows at index"), std::string::npos)
      << stopped->second.context;
}

TEST(DiskWatchdog, ALeaderWithAStuckDiskHandsOver) {
  Cluster cluster(3);
  TestReplica& stuck = cluster.leader();
  stuck.disk_is_stuck = true;
  cluster.client.Put(stuck, "a", "1");
  const bool handed_over = cluster.world.StepUntil(
      [&] {
        TestReplica* now = cluster.world.Leader();
        return now != nullptr && now->id() != stuck.id();
      },
      200);  // Two seconds: two election timeouts, and an election.
  EXPECT_TRUE(handed_over);
  EXPECT_EQ(cluster.Put("b", "2").fate, Fate::kDone);
}

}  // namespace
}  // namespace firn
