// SPDX-License-Identifier: Apache-2.0
//
// Transports that talk to each other over loopback, as nodes do when all is well or one of them is
// away. What strangers may do to them is in peer_hostile_test.cc.
#include "server/peer/peer_transport.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "server/peer/peer_testing.h"

namespace firn {
namespace {

TEST(PeerTransport, CarriesMessagesBothWays) {
  TestNode one(1);
  TestNode two(2);
  Introduce({&one, &two});
  one.Send(kTwo, PeerMessageKind::kForward, "put");
  EXPECT_EQ(two.Take(), (Received{kOne, PeerMessageKind::kForward, "put"}));
  two.Send(kOne, PeerMessageKind::kForwardReply, "done");
  EXPECT_EQ(one.Take(), (Received{kTwo, PeerMessageKind::kForwardReply, "done"}));

  RaftMessage vote;
  vote.to = kTwo;
  vote.bytes = "vote";
  one.transport().Send(vote);
  EXPECT_EQ(two.Take(), (Received{kOne, PeerMessageKind::kRaft, "vote"}));
}

TEST(PeerTransport, KeepsTheOrderOfWhatIsEquallyUrgent) {
  TestNode one(1);
  TestNode two(2);
  Introduce({&one, &two});
  for (int i = 0; i < 5000; ++i) {
    one.Send(kTwo, PeerMessageKind::kRaft, std::to_string(i));
  }
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(two.Take().bytes, std::to_string(i));
  }
  EXPECT_EQ(one.statistics().frames_sent, 5000u);
  EXPECT_EQ(two.statistics().incoming_open, 1u);
}

TEST(PeerTransport, CarriesLargeMessagesAmongSmallOnes) {
  TestNode one(1);
  TestNode two(2);
  Introduce({&one, &two});
  std::string large(std::size_t{20} << 20, '\0');
  for (std::size_t i = 0; i < large.size(); i += 4096) {
    large[i] = static_cast<char>(i >> 12);
  }
  one.Send(kTwo, PeerMessageKind::kRaft, large);
  EXPECT_EQ(two.Take().bytes, large);
  one.Send(kTwo, PeerMessageKind::kRaft, "small");
  EXPECT_EQ(two.Take().bytes, "small");
}

TEST(PeerTransport, HoldsWhatIsSentBeforeTheConnectionIsMade) {
  auto config = TestNode::Config(2);
  TestNode two(config);
  auto late = PeerTransport::Listen(TestNode::Config(1)).value();
  late->SetMembers({{kTwo, two.member()}});
  late->Send(PeerMessage{.kind = PeerMessageKind::kAudit, .to = kTwo, .bytes = "early"});
  late->Start({.receive = [](NodeId, PeerMessageKind, const std::string&) {},
               .unreachable = [](NodeId) {}});
  EXPECT_EQ(two.Take(), (Received{kOne, PeerMessageKind::kAudit, "early"}));
}

TEST(PeerTransport, FindsAPeerAgainThatWasStartedAnew) {
  TestNode one(1);
  auto two = std::make_unique<TestNode>(2);
  const std::string address = two->transport().address();
  Introduce({&one, two.get()});
  one.Send(kTwo, PeerMessageKind::kRaft, "before");
  EXPECT_EQ(two->Take().bytes, "before");

  two = nullptr;
  one.AwaitUnreachable(kTwo);
  auto config = TestNode::Config(2);
  config.listen = address;
  two = std::make_unique<TestNode>(config);
  Introduce({&one, two.get()});
  two->Send(kOne, PeerMessageKind::kRaft, "I am back");
  EXPECT_EQ(one.Take().bytes, "I am back");
  // What waits while the peer is away is lost, as Raft expects.
  while (!two->has_received()) {
    one.Send(kTwo, PeerMessageKind::kRaft, "after");
    std::this_thread::yield();
  }
  EXPECT_EQ(two->Take().bytes, "after");
}

TEST(PeerTransport, SaysWhoCannotBeReached) {
  TestNode one(1);
  std::string nobody_there;
  {
    const RawSocket listener = RawSocket::Listen();
    nobody_there = listener.address();
  }
  one.transport().SetMembers(
      {{kTwo, {.directory = {}, .peer_address = nobody_there, .client_address = {}}},
       {kThree, {.directory = {}, .peer_address = "no port", .client_address = {}}}});
  one.Send(kTwo, PeerMessageKind::kRaft, "lost");
  one.AwaitUnreachable(kTwo);
  one.AwaitUnreachable(kThree);
  one.AwaitLog("peer 2 at " + nobody_there + ": connect: Connection refused");
  one.AwaitLog("peer 3 at no port: address 'no port' has no port");
}

TEST(PeerTransport, FindsHostsByName) {
  TestNode one(1);
  TestNode two(2);
  Member member = two.member();
  member.peer_address.replace(0, member.peer_address.find(':'), "localhost");
  one.transport().SetMembers({{kTwo, member}});
  one.Send(kTwo, PeerMessageKind::kRaft, "by name");
  EXPECT_EQ(two.Take().bytes, "by name");
}

TEST(PeerTransport, SpeaksToMembersOnly) {
  TestNode one(1);
  TestNode two(2);
  TestNode three(3);
  Introduce({&one, &two});
  one.Send(kThree, PeerMessageKind::kRaft, "who?");
  one.Send(kOne, PeerMessageKind::kRaft, "myself?");
  EXPECT_EQ(one.statistics().Of(DropCause::kUnknownPeer), 2u);
  one.AwaitLog("peer 2 at " + two.transport().address() + ": connected");

  Introduce({&one, &three});
  one.Send(kThree, PeerMessageKind::kRaft, "you");
  EXPECT_EQ(three.Take().bytes, "you");
  two.transport().SetMembers({});  // As long as it is connected, it can be answered.
  while (one.statistics().Of(DropCause::kUnknownPeer) < 3) {
    one.Send(kTwo, PeerMessageKind::kRaft, "gone?");
  }
  two.AwaitLog("connection ended");
}

TEST(PeerTransport, FollowsAMemberToItsNewAddress) {
  TestNode one(1);
  TestNode before(2);
  Introduce({&one, &before});
  one.Send(kTwo, PeerMessageKind::kRaft, "here");
  EXPECT_EQ(before.Take().bytes, "here");
  TestNode after(2);
  Introduce({&one, &after});
  // The first may still go to the old address, with what was being written there.
  while (!after.has_received()) {
    one.Send(kTwo, PeerMessageKind::kRaft, "there");
    std::this_thread::yield();
  }
  EXPECT_EQ(after.Take().bytes, "there");
  EXPECT_EQ(one.statistics().Of(LossCause::kNotNeeded), 1u);
}

TEST(PeerTransport, WelcomesNodesThatItDoesNotKnowYet) {
  TestNode one(1);
  TestNode two(2);
  two.transport().SetMembers({{kOne, one.member()}});
  two.Send(kOne, PeerMessageKind::kRaft, "let me in");
  EXPECT_EQ(one.Take(), (Received{kTwo, PeerMessageKind::kRaft, "let me in"}));
}

// A node that was away may have a leader of which it has never heard, and has to answer it.
TEST(PeerTransport, CanAnswerNodesThatItDoesNotKnowYet) {
  TestNode one(1);
  auto two = std::make_unique<TestNode>(2);
  two->transport().SetMembers({{kOne, one.member()}});
  two->Send(kOne, PeerMessageKind::kRaft, "append");
  EXPECT_EQ(one.Take(), (Received{kTwo, PeerMessageKind::kRaft, "append"}));
  one.AwaitLog("peer 2 at " + two->transport().address() + ": connected");
  one.transport().SetMembers({{kThree, {}}});
  one.Send(kTwo, PeerMessageKind::kRaft, "appended");
  EXPECT_EQ(two->Take(), (Received{kOne, PeerMessageKind::kRaft, "appended"}));

  two = nullptr;
  while (one.statistics().Of(DropCause::kUnknownPeer) == 0) {
    one.Send(kTwo, PeerMessageKind::kRaft, "gone");
  }
}

TEST(PeerTransport, RefusesMessagesThatNoPeerWouldTake) {
  auto config = TestNode::Config(1);
  config.frame_bytes_max = 100;
  TestNode one(config);
  TestNode two(2);
  Introduce({&one, &two});
  one.Send(kTwo, PeerMessageKind::kRaft, std::string(101, 'x'));
  one.Send(kTwo, PeerMessageKind::kRaft, std::string(100, 'x'));
  EXPECT_EQ(two.Take().bytes.size(), 100u);
  EXPECT_EQ(one.statistics().Of(DropCause::kTooLarge), 1u);
  one.AwaitLog("peer 2: a message of 101 bytes is above the limit of a frame, 100");
}

TEST(PeerTransport, RefusesConfigurationsThatMakeNoSense) {
  const auto code = [](const auto& change) {
    PeerTransportConfig config = TestNode::Config(1);
    change(config);
    return PeerTransport::Listen(config).error().code;
  };
  using Config = PeerTransportConfig;
  const std::chrono::milliseconds none{0};
  for (const auto& change : std::vector<std::function<void(Config&)>>{
           [](Config& config) { config.listen = "nowhere"; },
           [](Config& config) { config.identity = {}; },
           [](Config& config) { config.frame_bytes_max = std::size_t{1} << 40; },
           [](Config& config) { config.connections_max = 0; },
           [](Config& config) { config.handshakes_max = 0; },
           [&](Config& config) { config.heartbeat = none; },
           [&](Config& config) { config.redial_min = none; },
           [](Config& config) { config.silence_max = config.heartbeat; },
           [](Config& config) { config.redial_max = config.redial_min / 2; }}) {
    EXPECT_EQ(code(change), ErrorCode::kInvalidArgument);
  }
  TestNode one(1);
  EXPECT_EQ(code([&](Config& config) { config.listen = one.transport().address(); }),
            ErrorCode::kIo);
}

TEST(PeerTransport, StopsWhileOthersSend) {
  TestNode one(1);
  TestNode two(2);
  Introduce({&one, &two});
  std::atomic<bool> is_done{false};
  std::thread sender([&] {
    while (!is_done) {
      one.Send(kTwo, PeerMessageKind::kRaft, "x");
      one.transport().SetMembers({{kTwo, two.member()}});
    }
  });
  EXPECT_EQ(two.Take().bytes, "x");
  one.transport().Stop();
  one.transport().Stop();
  is_done = true;
  sender.join();
  EXPECT_EQ(one.statistics().outgoing_open, 0u);
  EXPECT_EQ(one.statistics().incoming_open, 0u);
}

TEST(PeerTransport, NeedNotBeStarted) {
  auto transport = PeerTransport::Listen(TestNode::Config(1)).value();
  transport->SetMembers({{kTwo, {}}});
  EXPECT_NE(transport->address(), "127.0.0.1:0");
}

}  // namespace
}  // namespace firn
