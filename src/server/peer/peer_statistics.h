// SPDX-License-Identifier: Apache-2.0
//
// What a peer transport has counted since it began, for metrics.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/peer/handshake.h"

namespace firn {

// Why a message was not sent. Raft and the rest ask again for what they need.
enum class DropCause : std::uint8_t {
  kUnknownPeer,  // No member has this id, or none has an address.
  kTooLarge,     // Above the limit of a frame.
  kUrgentFull,   // The peer takes less than there is to say.
  kBulkFull,
  kUnreachable,  // It waited for a connection that failed or was lost.
};
inline constexpr std::size_t kDropCauseCount = 5;
std::string_view Name(DropCause cause);

// Why a connection that was open is not any more.
enum class LossCause : std::uint8_t {
  kClosed,      // By the other side, or by the network.
  kSilent,      // Nothing came for too long.
  kStalled,     // The other side did not read for too long.
  kMalformed,   // What came is no frame.
  kReplaced,    // The peer dialled anew.
  kCrowdedOut,  // A stranger's, closed to make room for a member.
  kNotNeeded,   // The peer is no member any more, or is found elsewhere; or this node stops.
};
inline constexpr std::size_t kLossCauseCount = 7;
std::string_view Name(LossCause cause);

struct PeerTransportStatistics {
  // As of now.
  std::uint64_t outgoing_open = 0;
  std::uint64_t incoming_open = 0;
  std::uint64_t incoming_handshakes = 0;  // Accepted, but not yet shaken hands with.

  std::uint64_t dials = 0;
  std::uint64_t accepted = 0;
  std::uint64_t accept_failures = 0;  // For want of descriptors, for example.
  std::uint64_t frames_sent = 0;      // Without heartbeats.
  std::uint64_t bytes_sent = 0;       // Frames as on the wire, before TLS.
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_received = 0;

  std::array<std::uint64_t, kDropCauseCount> drops{};
  std::array<std::uint64_t, kLossCauseCount> losses{};
  // Handshakes that failed, by Refusal less one.
  std::array<std::uint64_t, kRefusalCount> refused_incoming{};
  std::array<std::uint64_t, kRefusalCount> refused_outgoing{};

  std::uint64_t& Of(DropCause cause) { return drops.at(static_cast<std::size_t>(cause)); }
  std::uint64_t& Of(LossCause cause) { return losses.at(static_cast<std::size_t>(cause)); }
  std::uint64_t& Incoming(Refusal why) {
    return refused_incoming.at(static_cast<std::size_t>(why) - 1);
  }
  std::uint64_t& Outgoing(Refusal why) {
    return refused_outgoing.at(static_cast<std::size_t>(why) - 1);
  }
};

}  // namespace firn
