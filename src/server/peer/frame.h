// SPDX-License-Identifier: Apache-2.0
//
// Frames, in which everything travels between two nodes once they have shaken hands
// (docs/protocol/peer.md). FrameDecoder is fed bytes as they come, in whatever pieces, and gives
// back messages; it believes nothing: a length is held against the limit before a byte is kept, and
// memory grows with the bytes that have come, not with those announced. Pure; not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "firn/result.h"
#include "replica/peer_message.h"

namespace firn {

inline constexpr std::size_t kFrameHeaderBytes = 9;
// Says only that the sender lives. Carries nothing.
inline constexpr std::uint8_t kHeartbeatFrame = 0;

std::string EncodeFrame(PeerMessageKind kind, std::string_view payload);
std::string EncodeHeartbeat();
// Of a frame that was encoded here.
inline bool IsHeartbeat(std::string_view frame) { return frame[4] == kHeartbeatFrame; }

class FrameDecoder {
 public:
  using Take = std::function<void(PeerMessageKind, std::string)>;

  explicit FrameDecoder(std::size_t payload_bytes_max) : payload_bytes_max_(payload_bytes_max) {}

  // Calls `take` for each message that is whole now. After an error the stream is lost:
  // kInvalidArgument for a length that is too large, kUnsupported for a kind that is not known
  // here, kCorruption for a checksum that does not match.
  Result<void> Feed(std::string_view bytes, const Take& take);

  // False in the midst of a frame: a stream that ends here was cut.
  bool is_between_frames() const { return header_have_ == 0; }

 private:
  Result<void> CheckHeader() const;
  Result<void> CheckPayload() const;
  std::uint32_t length() const;
  std::uint8_t kind() const { return static_cast<std::uint8_t>(header_[4]); }

  const std::size_t payload_bytes_max_;
  std::array<char, kFrameHeaderBytes> header_{};
  std::size_t header_have_ = 0;
  std::string payload_;
};

}  // namespace firn
