// SPDX-License-Identifier: Apache-2.0
#include "server/peer/peer_queues.h"

#include <gtest/gtest.h>

#include "server/peer/send_queue.h"

namespace firn {
namespace {

using Frames = std::deque<std::string>;
using Pushed = PeerQueues::Pushed;

constexpr SendQueueLimits kLimits{.urgent_bytes_max = 10, .bulk_bytes_max = 4};

TEST(SendQueue, LetsUrgentFramesGoFirst) {
  SendQueue queue(kLimits);
  EXPECT_TRUE(queue.Push(SendClass::kBulk, "b1"));
  EXPECT_TRUE(queue.Push(SendClass::kUrgent, "u1"));
  EXPECT_TRUE(queue.Push(SendClass::kUrgent, "u2"));
  Frames frames;
  EXPECT_EQ(queue.Take(100, frames), 6u);
  EXPECT_EQ(frames, (Frames{"u1", "u2", "b1"}));
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, IsTakenInPortions) {
  SendQueue queue(kLimits);
  for (const char* frame : {"aa", "bb", "cc"}) {
    EXPECT_TRUE(queue.Push(SendClass::kUrgent, frame));
  }
  Frames frames;
  EXPECT_EQ(queue.Take(3, frames), 4u);
  EXPECT_EQ(queue.bytes(), 2u);
  EXPECT_EQ(queue.Take(0, frames), 0u);
  EXPECT_EQ(frames, (Frames{"aa", "bb"}));
}

TEST(SendQueue, BoundsEachClassByItself) {
  SendQueue queue(kLimits);
  EXPECT_TRUE(queue.Push(SendClass::kBulk, "1234"));
  EXPECT_FALSE(queue.Push(SendClass::kBulk, "5"));
  EXPECT_TRUE(queue.Push(SendClass::kUrgent, "1234567890"));
  EXPECT_FALSE(queue.Push(SendClass::kUrgent, "1"));
  EXPECT_EQ(queue.Clear(), 2u);
  EXPECT_EQ(queue.bytes(), 0u);
  EXPECT_TRUE(queue.Push(SendClass::kBulk, "5"));
}

TEST(SendQueue, TakesOneFrameHoweverLarge) {
  SendQueue queue(kLimits);
  EXPECT_TRUE(queue.Push(SendClass::kUrgent, std::string(1000, 'x')));
  EXPECT_FALSE(queue.Push(SendClass::kUrgent, "y"));
}

TEST(SendQueue, PutsWhatMovesDataBehindRaft) {
  EXPECT_EQ(ClassOf(PeerMessageKind::kRaft), SendClass::kUrgent);
  EXPECT_EQ(ClassOf(PeerMessageKind::kInstalled), SendClass::kUrgent);
  EXPECT_EQ(ClassOf(PeerMessageKind::kForward), SendClass::kBulk);
  EXPECT_EQ(ClassOf(PeerMessageKind::kChunk), SendClass::kBulk);
}

TEST(PeerQueues, AskToBeLookedAtOnceUntilTheyAre) {
  PeerQueues queues(kLimits);
  queues.SetMembers({{1}, {2}, {3}});
  EXPECT_TRUE(queues.Add({{1}, SendClass::kUrgent, "a"}).is_first);
  EXPECT_FALSE(queues.Add({{2}, SendClass::kUrgent, "b"}).is_first);
  const auto touched = queues.TakeTouched();
  ASSERT_EQ(touched.size(), 2u);
  EXPECT_EQ(touched[0].peer, NodeId{1});
  EXPECT_EQ(touched[1].peer, NodeId{2});
  EXPECT_TRUE(queues.TakeTouched().empty());
  EXPECT_TRUE(queues.Add({{2}, SendClass::kUrgent, "c"}).is_first);
}

TEST(PeerQueues, SayWhoHasLostAMessageOfRaft) {
  PeerQueues queues(kLimits);
  queues.SetMembers({{1}, {2}});
  for (const std::uint64_t peer : {1u, 2u}) {
    queues.Add({{peer}, peer == 1 ? SendClass::kUrgent : SendClass::kBulk, std::string(20, 'x')});
    const auto second =
        queues.Add({{peer}, peer == 1 ? SendClass::kUrgent : SendClass::kBulk, "y"});
    EXPECT_EQ(second.pushed, Pushed::kFull);
  }
  const auto touched = queues.TakeTouched();
  ASSERT_EQ(touched.size(), 2u);
  EXPECT_TRUE(touched[0].has_lost);
  EXPECT_FALSE(touched[1].has_lost);
}

TEST(PeerQueues, KnowMembersOnly) {
  PeerQueues queues(kLimits);
  EXPECT_EQ(queues.Add({{1}, SendClass::kUrgent, "a"}).pushed, Pushed::kUnknownPeer);
  queues.SetMembers({{1}, {2}});
  EXPECT_EQ(queues.Add({{1}, SendClass::kUrgent, "a"}).pushed, Pushed::kTaken);
  EXPECT_EQ(queues.Add({{2}, SendClass::kUrgent, "b"}).pushed, Pushed::kTaken);
  queues.SetMembers({{2}});
  Frames frames;
  queues.Take({1}, 100, frames);
  queues.Take({2}, 100, frames);
  EXPECT_EQ(frames, (Frames{"b"}));
  EXPECT_EQ(queues.Clear({1}), 0u);
}

TEST(PeerQueues, KeepStrangersAsLongAsTheyAreKnown) {
  PeerQueues queues(kLimits);
  queues.SetStrangers({{7}, {8}});
  queues.SetMembers({{1}, {8}});
  EXPECT_EQ(queues.Add({{7}, SendClass::kUrgent, "a"}).pushed, Pushed::kTaken);
  EXPECT_EQ(queues.Add({{8}, SendClass::kUrgent, "b"}).pushed, Pushed::kTaken);
  queues.SetStrangers({});
  EXPECT_EQ(queues.Add({{7}, SendClass::kUrgent, "a"}).pushed, Pushed::kUnknownPeer);
  Frames frames;
  queues.Take({8}, 100, frames);
  EXPECT_EQ(frames, (Frames{"b"}));
}

}  // namespace
}  // namespace firn
