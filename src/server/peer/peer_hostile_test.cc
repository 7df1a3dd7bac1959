// SPDX-License-Identifier: Apache-2.0
//
// What nodes of other clusters, wiped nodes, broken nodes and mere strangers do to a transport.
#include <gtest/gtest.h>

#include <thread>

#include "base/coding.h"
#include "base/crc32c.h"
#include "server/peer/peer_testing.h"

namespace firn {
namespace {

constexpr std::chrono::milliseconds kMoment{1};

void Await(const std::function<bool()>& done) {
  while (!done()) {
    std::this_thread::yield();
  }
}

std::optional<Refusal> WhyRefused(TestNode& node, const Hello& hello) {
  const RawSocket socket = RawSocket::Connect(node.transport().address());
  EXPECT_TRUE(socket.Write(Encode(hello)));
  const std::optional<Answer> answer = ReadAnswer(socket);
  return answer && answer->refused ? std::optional(answer->refused->why) : std::nullopt;
}

TEST(PeerHandshake, KeepsClustersApart) {
  TestNode one(1);
  auto config = TestNode::Config(2);
  config.identity.cluster = 0xBAD;
  TestNode two(config);
  two.transport().SetMembers({{kOne, one.member()}});
  two.AwaitLog(": node 2 is of cluster 0000000000000bad, this one of 0000000000c0ffee");
  one.AwaitLog("refused: node 2 is of cluster");
  EXPECT_GE(one.statistics().Incoming(Refusal::kOtherCluster), 1u);
  EXPECT_GE(two.statistics().Outgoing(Refusal::kOtherCluster), 1u);
  EXPECT_EQ(one.statistics().incoming_open, 0u);
}

TEST(PeerHandshake, NoticesAnotherNodeAtTheAddress) {
  TestNode one(1);
  TestNode three(3);
  one.transport().SetMembers({{kTwo, three.member()}});
  one.AwaitLog(": node 2 was meant, this is node 3");
}

TEST(PeerHandshake, RefusesAWipedNodeUnderItsOldId) {
  TestNode one(1);
  TestNode two(2);
  auto config = TestNode::Config(2);
  config.identity.directory = 0x1234;
  TestNode wiped(config);
  Introduce({&one, &two});
  // Whom others know by another directory hears so when it dials, and when it is dialled.
  one.Send(kTwo, PeerMessageKind::kRaft, "x");
  EXPECT_EQ(two.Take().bytes, "x");
  wiped.transport().SetMembers({{kOne, one.member()}});
  wiped.AwaitLog("node 2 is known with directory 00000000000000d2, not 0000000000001234");

  TestNode three(3);
  Member member = two.member();
  member.peer_address = wiped.transport().address();
  three.transport().SetMembers({{kTwo, member}});
  three.AwaitLog("node 2 was meant with directory 00000000000000d2, this one is 0000000000001234");
}

TEST(PeerHandshake, ClosesWhenTheMembershipLearnsOfAnotherDirectory) {
  TestNode one(1);
  const RawSocket socket = ConnectAs(2, one);
  one.transport().SetMembers(
      {{kTwo, {.directory = FormatId(7), .peer_address = {}, .client_address = {}}}});
  socket.AwaitEnd();
  EXPECT_EQ(WhyRefused(one, TestHello(2, 1)), Refusal::kSenderDirectory);
}

TEST(PeerHandshake, RefusesWhoeverClaimsItsOwnId) {
  TestNode one(1);
  EXPECT_EQ(WhyRefused(one, TestHello(1, 1)), Refusal::kSenderIsSelf);
  EXPECT_EQ(WhyRefused(one, TestHello(0, 1)), Refusal::kSenderIsSelf);
}

TEST(PeerHandshake, TellsNodesOfOtherVersionsWhy) {
  TestNode one(1);
  std::string hello = Encode(TestHello(2, 1));
  StoreLittle(hello.data() + 8, std::uint32_t{9});
  const RawSocket socket = RawSocket::Connect(one.transport().address());
  EXPECT_TRUE(socket.Write(hello));
  const Refused refused = ReadAnswer(socket)->refused.value();
  EXPECT_EQ(refused.why, Refusal::kVersion);
  EXPECT_EQ(refused.text, "it speaks version 1, the dialler 9");

  const RawSocket listener = RawSocket::Listen();
  one.transport().SetMembers(
      {{kTwo, {.directory = {}, .peer_address = listener.address(), .client_address = {}}}});
  const RawSocket accepted = listener.Accept();
  EXPECT_TRUE(accepted.Write(hello));
  one.AwaitLog("it speaks version 9, this node 1");
}

TEST(PeerHandshake, ClosesOnGarbage) {
  TestNode one(1);
  std::string damaged = Encode(TestHello(2, 1));
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  std::string huge = Encode(TestHello(2, 1)).substr(0, kPreambleBytes);
  StoreLittle(huge.data() + 12, UINT32_MAX);
  std::uint64_t refused = 0;
  for (const std::string& words :
       {std::string("GET /metrics HTTP/1.1\r\n\r\n"), std::string(100, '\0'), damaged, huge}) {
    const RawSocket socket = RawSocket::Connect(one.transport().address());
    EXPECT_TRUE(socket.Write(words));
    EXPECT_EQ(ReadAnswer(socket), std::nullopt);
    EXPECT_EQ(one.statistics().Incoming(Refusal::kNotAPeer), ++refused);
  }
}

TEST(PeerHandshake, ClosesWhenItIsCutShort) {
  TestNode one(1);
  const std::string hello = Encode(TestHello(2, 1));
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{1}, kPreambleBytes, kPreambleBytes + 1, hello.size() - 1}) {
    const RawSocket socket = RawSocket::Connect(one.transport().address());
    EXPECT_TRUE(socket.Write(hello.substr(0, length)));
    socket.EndWriting();
    EXPECT_EQ(ReadAnswer(socket), std::nullopt);
  }
  Await([&] { return one.statistics().Incoming(Refusal::kUnreachable) == 5; });
  EXPECT_EQ(one.statistics().incoming_handshakes, 0u);
}

TEST(PeerHandshake, EndsWhenNothingIsSaidInTime) {
  auto config = TestNode::Config(1);
  config.handshake_timeout = kMoment;
  TestNode one(config);
  const RawSocket silent = RawSocket::Connect(one.transport().address());
  silent.AwaitEnd();
  const RawSocket half = RawSocket::Connect(one.transport().address());
  half.Write("FIRNPEER");
  half.AwaitEnd();
  EXPECT_GE(one.statistics().Incoming(Refusal::kTimeout), 1u);

  const RawSocket listener = RawSocket::Listen();
  one.transport().SetMembers(
      {{kTwo, {.directory = {}, .peer_address = listener.address(), .client_address = {}}}});
  one.AwaitLog(listener.address() + ": no answer in 1 ms");
}

TEST(PeerHandshake, LetsPeersThroughAFloodOfTheSilent) {
  auto config = TestNode::Config(1);
  config.handshakes_max = 4;
  TestNode one(config);
  std::vector<RawSocket> flood;
  for (int i = 0; i < 60; ++i) {
    flood.push_back(RawSocket::Connect(one.transport().address()));
  }
  TestNode two(2);
  two.transport().SetMembers({{kOne, one.member()}});
  two.AwaitLog("connected");
  flood.front().AwaitEnd();
  EXPECT_LE(one.statistics().incoming_handshakes, 4u);
  EXPECT_GE(one.statistics().Incoming(Refusal::kTooMany), 56u);
}

TEST(PeerHandshake, IsCountedAgainstALimitWhereMembersComeFirst) {
  auto config = TestNode::Config(1);
  config.connections_max = 2;
  TestNode one(config);
  one.transport().SetMembers({{kTwo, {}}});
  const RawSocket stranger = ConnectAs(7, one);
  const RawSocket another = ConnectAs(8, one);
  EXPECT_EQ(WhyRefused(one, TestHello(9, 1)), Refusal::kTooMany);
  const RawSocket member = ConnectAs(2, one);
  stranger.AwaitEnd();
  EXPECT_EQ(one.statistics().Of(LossCause::kCrowdedOut), 1u);
  EXPECT_EQ(one.statistics().incoming_open, 2u);
}

TEST(PeerHandshake, OfAPeerThatDialsAnewReplacesItsOldConnection) {
  TestNode one(1);
  const RawSocket older = ConnectAs(2, one);
  const RawSocket newer = ConnectAs(2, one);
  older.AwaitEnd();
  EXPECT_TRUE(newer.Write(EncodeFrame(PeerMessageKind::kRaft, "still here")));
  EXPECT_EQ(one.Take().bytes, "still here");
  EXPECT_EQ(one.statistics().Of(LossCause::kReplaced), 1u);
  EXPECT_EQ(one.statistics().incoming_open, 1u);
}

TEST(PeerFrames, ThatAreNoneCloseTheConnection) {
  const auto crafted = [](std::uint32_t length, std::uint8_t kind) {
    std::string frame;
    PutLittle(frame, length);
    PutLittle(frame, kind);
    PutLittle(frame, Crc32c(frame));
    return frame;
  };
  std::string damaged = EncodeFrame(PeerMessageKind::kRaft, "vote");
  damaged.back() = 'E';
  TestNode one(1);
  for (const auto& [bytes, reason] : std::vector<std::pair<std::string, std::string>>{
           {crafted(UINT32_MAX, 1), "frame of kind 1 with 4294967295 bytes, at most"},
           {crafted(0, 99), "frame of kind 99, this program knows kinds up to"},
           {damaged, "its checksum does not match"},
           {std::string(64, '\xff'), "frame of kind 255"}}) {
    const RawSocket socket = ConnectAs(2, one);
    EXPECT_TRUE(socket.Write(EncodeFrame(PeerMessageKind::kAudit, "good") + bytes));
    EXPECT_EQ(one.Take().bytes, "good");
    socket.AwaitEnd();
    one.AwaitLog(reason);
  }
  EXPECT_EQ(one.statistics().Of(LossCause::kMalformed), 4u);
  EXPECT_FALSE(one.has_received());
}

TEST(PeerFrames, ThatAreCutAreNoMessages) {
  TestNode one(1);
  const RawSocket socket = ConnectAs(2, one);
  const std::string frame = EncodeFrame(PeerMessageKind::kRaft, "vote");
  EXPECT_TRUE(socket.Write(frame.substr(0, frame.size() - 1)));
  socket.EndWriting();
  one.AwaitLog("in the midst of a frame");
  EXPECT_FALSE(one.has_received());
}

TEST(PeerFrames, AreNotExpectedFromWhoWasDialled) {
  TestNode one(1);
  const RawSocket listener = RawSocket::Listen();
  one.transport().SetMembers(
      {{kTwo, {.directory = {}, .peer_address = listener.address(), .client_address = {}}}});
  const RawSocket socket = AcceptAs(2, listener);
  EXPECT_TRUE(socket.Write(EncodeHeartbeat()));
  one.AwaitLog("it spoke out of turn");
}

TEST(PeerFrames, AreSentByIdleConnectionsAsHeartbeats) {
  auto config = TestNode::Config(1);
  config.heartbeat = kMoment;
  TestNode one(config);
  const RawSocket listener = RawSocket::Listen();
  one.transport().SetMembers(
      {{kTwo, {.directory = {}, .peer_address = listener.address(), .client_address = {}}}});
  const RawSocket socket = AcceptAs(2, listener);
  EXPECT_EQ(socket.Read(2 * kFrameHeaderBytes), EncodeHeartbeat() + EncodeHeartbeat());
  EXPECT_EQ(one.statistics().frames_sent, 0u);
}

TEST(PeerFrames, AreMissedWhenNoneComes) {
  auto config = TestNode::Config(1);
  config.heartbeat = kMoment;
  config.silence_max = 2 * kMoment;
  TestNode one(config);
  const RawSocket socket = ConnectAs(2, one);
  socket.AwaitEnd();
  EXPECT_EQ(one.statistics().Of(LossCause::kSilent), 1u);
}

// The queue is bounded while the peer lives but does not read, others are served, and in the end
// the connection is given up.
TEST(PeerFrames, ForAPeerThatDoesNotReadAreDropped) {
  auto config = TestNode::Config(1);
  config.urgent_bytes_max = std::size_t{4} << 20;
  config.bulk_bytes_max = std::size_t{1} << 20;
  config.heartbeat = 5 * kMoment;
  config.stall_max = 50 * kMoment;
  TestNode one(config);
  TestNode three(3);
  const RawSocket listener = RawSocket::Listen();
  one.transport().SetMembers(
      {{kTwo, {.directory = {}, .peer_address = listener.address(), .client_address = {}}},
       {three.id(), three.member()}});
  const RawSocket socket = AcceptAs(2, listener);
  const std::string megabyte(std::size_t{1} << 20, 'x');
  Await([&] {
    one.Send(kTwo, PeerMessageKind::kRaft, megabyte);
    one.Send(kTwo, PeerMessageKind::kChunk, megabyte);
    return one.statistics().Of(DropCause::kUrgentFull) > 0 &&
           one.statistics().Of(DropCause::kBulkFull) > 0;
  });
  one.Send(three.id(), PeerMessageKind::kRaft, "not for you");
  EXPECT_EQ(three.Take().bytes, "not for you");
  one.AwaitUnreachable(kTwo);
  one.AwaitLog("connection lost: it took nothing for 50 ms");
  EXPECT_GE(one.statistics().Of(LossCause::kStalled), 1u);
}

}  // namespace
}  // namespace firn
