// SPDX-License-Identifier: Apache-2.0
//
// Layouts are in docs/protocol/peer.md; the preamble must never change, or nodes of two versions
// could not tell each other why they do not talk.
#include "server/peer/handshake.h"

#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kMagic = "FIRNPEER";
constexpr std::uint32_t kBodyBytesMax = 1024;
constexpr std::size_t kDirectoryBytesMax = 64;
constexpr std::size_t kAddressBytesMax = 300;
constexpr std::size_t kReasonBytesMax = 400;
constexpr std::size_t kChecksumBytes = 4;
constexpr auto kLastOnWire = Refusal::kTooMany;

std::string Frame(const std::string& fields) {
  std::string out(kMagic);
  PutLittle(out, kPeerVersion);
  PutLittle(out, static_cast<std::uint32_t>(fields.size() + kChecksumBytes));
  out += fields;
  PutLittle(out, Crc32c(fields));
  return out;
}

// The fields of a body whose checksum matches.
Result<std::string_view> CheckedFields(std::string_view body) {
  if (body.size() < kChecksumBytes) {
    return Error{ErrorCode::kCorruption, "handshake is cut short"};
  }
  const std::string_view fields = body.substr(0, body.size() - kChecksumBytes);
  if (LoadLittle<std::uint32_t>(body.data() + fields.size()) != Crc32c(fields)) {
    return Error{ErrorCode::kCorruption, "checksum of the handshake does not match"};
  }
  return fields;
}

Error Malformed(std::string_view what) {
  return {ErrorCode::kCorruption, std::string(what) + " is malformed"};
}

Result<void> CheckFeatures(std::uint32_t features) {
  if (features != 0) {
    return Error{ErrorCode::kUnsupported, "handshake asks for features " +
                                              std::to_string(features) +
                                              ", this program knows none: upgrade this node first"};
  }
  return {};
}

std::string Shown(const std::string& directory) {
  return directory.empty() ? "(unknown)" : directory;
}

}  // namespace

std::string_view Name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kOtherCluster: return "other_cluster";
    case Refusal::kOtherNode: return "other_node";
    case Refusal::kOtherDirectory: return "other_directory";
    case Refusal::kSenderDirectory: return "sender_directory";
    case Refusal::kSenderIsSelf: return "sender_is_self";
    case Refusal::kCertificate: return "certificate";
    case Refusal::kVersion: return "version";
    case Refusal::kTooMany: return "too_many";
    case Refusal::kNotAPeer: return "not_a_peer";
    case Refusal::kTls: return "tls";
    case Refusal::kTimeout: return "timeout";
    case Refusal::kUnreachable: return "unreachable";
  }
  return "unknown";
}

std::string Encode(const Hello& hello) {
  std::string fields;
  PutLittle(fields, std::uint32_t{0});  // Feature bits.
  PutLittle(fields, hello.cluster);
  PutLittle(fields, hello.from.value);
  PutLittle(fields, hello.to.value);
  PutString(fields, std::string_view(hello.directory).substr(0, kDirectoryBytesMax));
  PutString(fields, std::string_view(hello.to_directory).substr(0, kDirectoryBytesMax));
  PutString(fields, std::string_view(hello.address).substr(0, kAddressBytesMax));
  PutLittle(fields, static_cast<std::uint8_t>(hello.to_member ? 1 : 0));
  return Frame(fields);
}

std::string Encode(const Answer& answer) {
  std::string fields;
  PutLittle(fields, std::uint32_t{0});  // Feature bits.
  PutLittle(fields, answer.cluster);
  PutLittle(fields, answer.node.value);
  PutString(fields, std::string_view(answer.directory).substr(0, kDirectoryBytesMax));
  const auto verdict = static_cast<std::uint8_t>(answer.refused ? answer.refused->why : Refusal{});
  PutLittle(fields, verdict);
  if (answer.refused) {
    PutString(fields, std::string_view(answer.refused->text).substr(0, kReasonBytesMax));
  }
  return Frame(fields);
}

Result<Preamble> DecodePreamble(std::string_view bytes) {
  Decoder in(bytes);
  const std::string_view magic = in.Bytes(kMagic.size());
  const Preamble preamble{.version = in.Little<std::uint32_t>(),
                          .body_bytes = in.Little<std::uint32_t>()};
  if (!in.ok() || !in.done() || magic != kMagic) {
    return Error{ErrorCode::kCorruption,
                 "these are not the words of a firn node: is this its peer port, and TLS on both "
                 "sides or on neither?"};
  }
  if (preamble.body_bytes > kBodyBytesMax) {
    return Error{ErrorCode::kCorruption, "handshake of " + std::to_string(preamble.body_bytes) +
                                             " bytes, at most " + std::to_string(kBodyBytesMax) +
                                             " are allowed"};
  }
  return preamble;
}

Result<Hello> DecodeHello(std::string_view body) {
  FIRN_TRY_ASSIGN(const std::string_view fields, CheckedFields(body));
  Decoder in(fields);
  const auto features = in.Little<std::uint32_t>();
  Hello hello;
  hello.cluster = in.Little<std::uint64_t>();
  hello.from = {in.Little<std::uint64_t>()};
  hello.to = {in.Little<std::uint64_t>()};
  hello.directory = in.String();
  hello.to_directory = in.String();
  hello.address = in.String();
  const auto to_member = in.Little<std::uint8_t>();
  hello.to_member = to_member == 1;
  FIRN_TRY(CheckFeatures(features));
  if (!in.ok() || !in.done() || to_member > 1 || hello.directory.size() > kDirectoryBytesMax ||
      hello.to_directory.size() > kDirectoryBytesMax || hello.address.size() > kAddressBytesMax) {
    return Malformed("hello");
  }
  return hello;
}

Result<Answer> DecodeAnswer(std::string_view body) {
  FIRN_TRY_ASSIGN(const std::string_view fields, CheckedFields(body));
  Decoder in(fields);
  const auto features = in.Little<std::uint32_t>();
  Answer answer;
  answer.cluster = in.Little<std::uint64_t>();
  answer.node = {in.Little<std::uint64_t>()};
  answer.directory = in.String();
  const auto why = in.Little<std::uint8_t>();
  FIRN_TRY(CheckFeatures(features));
  if (why != 0) {
    answer.refused = {.why = static_cast<Refusal>(why), .text = std::string(in.String())};
  }
  if (!in.ok() || !in.done() || why > static_cast<std::uint8_t>(kLastOnWire) ||
      answer.directory.size() > kDirectoryBytesMax ||
      (answer.refused && answer.refused->text.size() > kReasonBytesMax)) {
    return Malformed("answer");
  }
  return answer;
}

Answer AnswerNo(const Identity& self, Refused refused) {
  return {.cluster = self.cluster,
          .node = self.node,
          .directory = FormatId(self.directory),
          .refused = std::move(refused)};
}

Answer Judge(const Hello& hello, const Identity& self, const std::string& known_directory) {
  const auto refuse = [&](Refusal why, std::string text) {
    return AnswerNo(self, {.why = why, .text = std::move(text)});
  };
  if (hello.cluster != self.cluster) {
    return refuse(Refusal::kOtherCluster, "node " + std::to_string(hello.from.value) +
                                              " is of cluster " + FormatId(hello.cluster) +
                                              ", this one of " + FormatId(self.cluster));
  }
  if (hello.to != self.node) {
    return refuse(Refusal::kOtherNode, "node " + std::to_string(hello.to.value) +
                                           " was meant, this is node " +
                                           std::to_string(self.node.value));
  }
  if (hello.from == self.node || hello.from == NodeId{}) {
    return refuse(Refusal::kSenderIsSelf, "node " + std::to_string(hello.from.value) +
                                              " dials this one, which has that id itself");
  }
  const std::string directory = FormatId(self.directory);
  if (!hello.to_directory.empty() && hello.to_directory != directory) {
    return refuse(Refusal::kOtherDirectory, "node " + std::to_string(self.node.value) +
                                                " was meant with directory " + hello.to_directory +
                                                ", this one is " + directory +
                                                ": an id is never used again, join with a new one");
  }
  if (!known_directory.empty() && hello.directory != known_directory) {
    return refuse(Refusal::kSenderDirectory,
                  "node " + std::to_string(hello.from.value) + " is known with directory " +
                      known_directory + ", not " + Shown(hello.directory) +
                      ": an id is never used again, join with a new one");
  }
  return {.cluster = self.cluster, .node = self.node, .directory = directory, .refused = {}};
}

std::optional<Refused> Check(const Answer& answer, const Hello& hello) {
  if (answer.refused) {
    return answer.refused;
  }
  if (answer.cluster != hello.cluster) {
    return Refused{Refusal::kOtherCluster, "it is of cluster " + FormatId(answer.cluster) +
                                               ", not " + FormatId(hello.cluster)};
  }
  if (answer.node != hello.to) {
    return Refused{Refusal::kOtherNode, "it is node " + std::to_string(answer.node.value) +
                                            ", not " + std::to_string(hello.to.value)};
  }
  if (!hello.to_directory.empty() && answer.directory != hello.to_directory) {
    return Refused{Refusal::kOtherDirectory,
                   "its directory is " + Shown(answer.directory) + ", not " + hello.to_directory};
  }
  return std::nullopt;
}

}  // namespace firn
