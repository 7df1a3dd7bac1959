// SPDX-License-Identifier: Apache-2.0
#include "server/peer/frame.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::size_t kChecksumAt = 5;  // Behind the length and the kind, which it covers.
constexpr auto kKindMax = static_cast<std::uint8_t>(PeerMessageKind::kAudit);

std::string Encode(std::uint8_t kind, std::string_view payload) {
  std::string frame;
  frame.reserve(kFrameHeaderBytes + payload.size());
  PutLittle(frame, static_cast<std::uint32_t>(payload.size()));
  PutLittle(frame, kind);
  PutLittle(frame, Crc32c(payload, Crc32c(frame)));
  frame += payload;
  return frame;
}

}  // namespace

std::string EncodeFrame(PeerMessageKind kind, std::string_view payload) {
  return Encode(static_cast<std::uint8_t>(kind), payload);
}

std::string EncodeHeartbeat() { return Encode(kHeartbeatFrame, {}); }

std::uint32_t FrameDecoder::length() const { return LoadLittle<std::uint32_t>(header_.data()); }

Result<void> FrameDecoder::CheckHeader() const {
  if (kind() > kKindMax) {
    return Error{ErrorCode::kUnsupported,
                 "frame of kind " + std::to_string(kind()) + ", this program knows kinds up to " +
                     std::to_string(kKindMax) + ": upgrade this node first"};
  }
  const std::size_t length_max = kind() == kHeartbeatFrame ? 0 : payload_bytes_max_;
  if (length() > length_max) {
    return Error{ErrorCode::kInvalidArgument, "frame of kind " + std::to_string(kind()) + " with " +
                                                  std::to_string(length()) + " bytes, at most " +
                                                  std::to_string(length_max) + " are allowed"};
  }
  return {};
}

Result<void> FrameDecoder::CheckPayload() const {
  const std::uint32_t want = LoadLittle<std::uint32_t>(header_.data() + kChecksumAt);
  const std::uint32_t have = Crc32c(payload_, Crc32c({header_.data(), kChecksumAt}));
  if (have != want) {
    return Error{ErrorCode::kCorruption, "frame of kind " + std::to_string(kind()) + " with " +
                                             std::to_string(payload_.size()) +
                                             " bytes: its checksum does not match"};
  }
  return {};
}

Result<void> FrameDecoder::Feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    if (header_have_ < kFrameHeaderBytes) {
      const std::size_t part = std::min(kFrameHeaderBytes - header_have_, bytes.size());
      std::copy_n(bytes.data(), part, header_.data() + header_have_);
      header_have_ += part;
      bytes.remove_prefix(part);
      if (header_have_ < kFrameHeaderBytes) {
        return {};
      }
      FIRN_TRY(CheckHeader());
    }
    const std::size_t part = std::min(length() - payload_.size(), bytes.size());
    payload_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    if (payload_.size() < length()) {
      return {};
    }
    FIRN_TRY(CheckPayload());
    header_have_ = 0;
    if (kind() != kHeartbeatFrame) {
      take(static_cast<PeerMessageKind>(kind()), std::exchange(payload_, {}));
    }
  }
  return {};
}

}  // namespace firn
