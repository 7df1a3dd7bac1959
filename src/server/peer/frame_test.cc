// SPDX-License-Identifier: Apache-2.0
#include "server/peer/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/random.h"

namespace firn {
namespace {

using Messages = std::vector<std::pair<PeerMessageKind, std::string>>;

Result<Messages> Decode(FrameDecoder& decoder, std::string_view bytes) {
  Messages messages;
  const Result<void> fed = decoder.Feed(bytes, [&](PeerMessageKind kind, std::string payload) {
    messages.emplace_back(kind, std::move(payload));
  });
  return fed ? Result<Messages>(std::move(messages)) : Result<Messages>(fed.error());
}

// A frame with a right checksum, whatever else is wrong with it.
std::string Crafted(std::uint32_t length, std::uint8_t kind, std::string_view payload) {
  std::string frame;
  PutLittle(frame, length);
  PutLittle(frame, kind);
  PutLittle(frame, Crc32c(payload, Crc32c(frame)));
  return frame.append(payload);
}

TEST(FrameDecoder, GivesBackWhatWasEncoded) {
  FrameDecoder decoder(1 << 20);
  const std::string large(100'000, 'x');
  const std::string stream = EncodeFrame(PeerMessageKind::kRaft, "vote") + EncodeHeartbeat() +
                             EncodeFrame(PeerMessageKind::kChunk, large) +
                             EncodeFrame(PeerMessageKind::kAudit, "");
  EXPECT_EQ(Decode(decoder, stream).value(), (Messages{{PeerMessageKind::kRaft, "vote"},
                                                       {PeerMessageKind::kChunk, large},
                                                       {PeerMessageKind::kAudit, ""}}));
  EXPECT_TRUE(decoder.is_between_frames());
}

TEST(FrameDecoder, DoesNotCareHowTheStreamIsCut) {
  Random random(7);
  std::string stream;
  Messages sent;
  for (int i = 0; i < 200; ++i) {
    const auto kind = static_cast<PeerMessageKind>(1 + random.Below(7));
    const std::string payload(random.Below(300), static_cast<char>('a' + i % 26));
    stream += EncodeFrame(kind, payload);
    sent.emplace_back(kind, payload);
  }
  FrameDecoder decoder(300);
  Messages received;
  for (std::string_view rest = stream; !rest.empty();) {
    const std::string_view piece = rest.substr(0, 1 + random.Below(40));
    for (auto& message : Decode(decoder, piece).value()) {
      received.push_back(std::move(message));
    }
    rest.remove_prefix(piece.size());
  }
  EXPECT_EQ(received, sent);
}

TEST(FrameDecoder, SaysWhetherAStreamWasCutInAFrame) {
  const std::string frame = EncodeFrame(PeerMessageKind::kRaft, "vote");
  for (std::size_t length = 1; length < frame.size(); ++length) {
    FrameDecoder decoder(10);
    EXPECT_TRUE(Decode(decoder, frame.substr(0, length)).value().empty());
    EXPECT_FALSE(decoder.is_between_frames()) << length;
  }
}

TEST(FrameDecoder, RefusesLengthsAboveItsLimitBeforeAnythingComes) {
  FrameDecoder decoder(1000);
  EXPECT_EQ(Decode(decoder, Crafted(1001, 1, "")).error().code, ErrorCode::kInvalidArgument);
  FrameDecoder another(1000);
  EXPECT_EQ(Decode(another, Crafted(UINT32_MAX, 5, "")).error(),
            (Error{ErrorCode::kInvalidArgument,
                   "frame of kind 5 with 4294967295 bytes, at most 1000 are allowed"}));
}

TEST(FrameDecoder, RefusesKindsThatItDoesNotKnowByName) {
  FrameDecoder decoder(1000);
  EXPECT_EQ(Decode(decoder, Crafted(0, 200, "")).error().code, ErrorCode::kUnsupported);
  FrameDecoder another(1000);
  EXPECT_NE(Decode(another, Crafted(0, 8, "")).error().context.find("kind 8"), std::string::npos);
}

TEST(FrameDecoder, RefusesHeartbeatsThatCarrySomething) {
  FrameDecoder decoder(1000);
  EXPECT_EQ(Decode(decoder, Crafted(1, kHeartbeatFrame, "x")).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(FrameDecoder, NoticesEveryFlippedBit) {
  const std::string frame = EncodeFrame(PeerMessageKind::kRaft, "vote");
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string damaged = frame;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    FrameDecoder decoder(4);
    const Result<Messages> decoded = Decode(decoder, damaged);
    // A shorter length makes the rest the next frame's: one of the two checksums fails, or the
    // stream never gets whole.
    EXPECT_TRUE(!decoded || decoded->empty()) << bit;
  }
}

}  // namespace
}  // namespace firn
