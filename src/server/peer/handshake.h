// SPDX-License-Identifier: Apache-2.0
//
// The first words between two nodes (docs/protocol/peer.md): who dials says hello, who was dialled
// answers, and each holds against what it knows whether the other is whom it means. That keeps
// clusters apart and a wiped directory from passing as the node it was (I-R8). Pure; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/types.h"
#include "firn/result.h"
#include "replica/identity.h"

namespace firn {

// Why two nodes do not talk. Numbers are those of the wire.
enum class Refusal : std::uint8_t {
  kOtherCluster = 1,     // The two belong to different clusters.
  kOtherNode = 2,        // Somebody else than was meant is at this address.
  kOtherDirectory = 3,   // Whoever was dialled has another directory than the dialler knows of it.
  kSenderDirectory = 4,  // Whoever dials has another directory than is known of it here.
  kSenderIsSelf = 5,     // Whoever dials says it is the node that it dials, or nobody.
  kCertificate = 6,      // The certificate does not name the node.
  kVersion = 7,          // The two speak different versions.
  kTooMany = 8,          // No room for another connection.
  // Never on the wire: there was no handshake to speak of.
  kNotAPeer = 9,     // What came are not the words of a node.
  kTls = 10,         // TLS failed: no certificate, or one that is not of the cluster's authority.
  kTimeout = 11,     // Nothing, or not all, came in time.
  kUnreachable = 12  // There was no connection, or it was cut.
};
inline constexpr std::size_t kRefusalCount = 12;

// "other_cluster", as metrics have it.
std::string_view Name(Refusal refusal);

struct Refused {
  Refusal why{};
  std::string text;  // What was expected, what came, and what to do about it.

  friend bool operator==(const Refused&, const Refused&) = default;
};

// What the dialler says.
struct Hello {
  std::uint64_t cluster = 0;
  NodeId from;
  std::string directory;  // As FormatId shows it.
  std::string address;    // Where the dialler can be dialled, for whoever does not know it yet.
  NodeId to;
  std::string to_directory;  // Empty when not known.
  // Whether the dialler counts the other among the members, rather than dials because it was
  // dialled: two strangers would otherwise keep each other for ever.
  bool to_member = true;

  friend bool operator==(const Hello&, const Hello&) = default;
};

// What it hears.
struct Answer {
  std::uint64_t cluster = 0;
  NodeId node;
  std::string directory;
  std::optional<Refused> refused;

  friend bool operator==(const Answer&, const Answer&) = default;
};

// Both are a preamble, which every version begins with, and as many bytes as it says.
inline constexpr std::size_t kPreambleBytes = 16;
inline constexpr std::uint32_t kPeerVersion = 1;

struct Preamble {
  std::uint32_t version = 0;
  std::uint32_t body_bytes = 0;  // Checksum included; never more than 1 KiB.
};

std::string Encode(const Hello& hello);
std::string Encode(const Answer& answer);

// kCorruption: these are not the words of a node.
Result<Preamble> DecodePreamble(std::string_view bytes);
// Of the body behind a preamble of version kPeerVersion. kCorruption, or kUnsupported for features
// that this program does not know.
Result<Hello> DecodeHello(std::string_view body);
Result<Answer> DecodeAnswer(std::string_view body);

// What the dialled node says to a hello. `known_directory` is what it knows of the sender's, empty
// when nothing: it may lag behind the membership, so strangers of the same cluster are welcome.
Answer Judge(const Hello& hello, const Identity& self, const std::string& known_directory);
// Nothing: the answer to this hello is a welcome, by the node that was meant.
std::optional<Refused> Check(const Answer& answer, const Hello& hello);
// Says no in the name of this node.
Answer AnswerNo(const Identity& self, Refused refused);

}  // namespace firn
