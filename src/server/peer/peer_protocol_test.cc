// SPDX-License-Identifier: Apache-2.0
//
// Runs the worked examples of docs/protocol/peer.md: what nodes say when they meet, the frames, and
// what the payloads of the frames are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "golden/golden.h"
#include "replica/auditor.h"
#include "replica/forwarder.h"
#include "replica/state_transfer.h"
#include "server/peer/frame.h"
#include "server/peer/handshake.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

std::uint64_t Number(const golden::Command& command, const char* name) {
  return std::stoull(command.Get(name));
}

bool Has(const golden::Command& command, std::string_view word) {
  return std::ranges::find(command.words, word) != command.words.end();
}

std::string HelloOf(const golden::Command& command) {
  return Encode(Hello{.cluster = Number(command, "cluster"),
                      .from = {Number(command, "from")},
                      .directory = command.Get("directory"),
                      .address = command.Get("address"),
                      .to = {Number(command, "to")},
                      .to_directory = command.Get("to_directory"),
                      .to_member = command.Get("member") == "1"});
}

std::string AnswerOf(const golden::Command& command) {
  Answer answer{.cluster = Number(command, "cluster"),
                .node = {Number(command, "node")},
                .directory = command.Get("directory"),
                .refused = {}};
  if (command.Get("refused") != "") {
    answer.refused = Refused{.why = static_cast<Refusal>(Number(command, "refused")),
                             .text = command.Get("reason")};
  }
  return Encode(answer);
}

std::string FrameOf(const golden::Command& command) {
  return EncodeFrame(static_cast<PeerMessageKind>(Number(command, "kind")), command.Get("payload"));
}

ForwardId ForwardIdOf(const golden::Command& command) {
  return {.boot = Number(command, "boot"), .number = Number(command, "number")};
}

std::string ForwardOf(const golden::Command& command) {
  std::string operations;
  EncodePut(operations, command.Get("put"), command.Get("value"));
  GroupBuilder group({});
  group.Add({.operations = operations});
  return Encode(ForwardedCommand{
      .id = ForwardIdOf(command), .term = {Number(command, "term")}, .group = group.Take()});
}

std::string ReplyOf(const golden::Command& command) {
  const Outcome outcome{.code = static_cast<Outcome::Code>(Number(command, "code")),
                        .revision = Number(command, "revision")};
  return Encode(ForwardedReply{
      .id = ForwardIdOf(command),
      .reply = {.fate = static_cast<Fate>(Number(command, "fate")), .outcome = outcome}});
}

FetchRequest FetchRequestOf(const golden::Command& command) {
  return {.checkpoint = Number(command, "id"),
          .file = command.Get("file"),
          .offset = Number(command, "offset")};
}

std::string ChunkOf(const golden::Command& command) {
  return Encode(Chunk{.request = FetchRequestOf(command),
                      .is_gone = Has(command, "gone"),
                      .bytes = command.Get("bytes")});
}

std::string ListingOf(const golden::Command& command) {
  std::vector<ListedFile> listing;
  for (const std::string& line : command.input) {
    ListedFile file;
    std::istringstream(line) >> file.name >> file.size >> file.mark;
    listing.push_back(file);
  }
  return Encode(listing);
}

std::string AuditOf(const golden::Command& command) {
  return Encode(AuditSum{.kind = static_cast<AuditSum::Kind>(Number(command, "kind")),
                         .index = {Number(command, "index")},
                         .sum = Number(command, "sum")});
}

// Those that a reply can be read with, each by its number.
std::string ListFates() {
  std::string text;
  for (unsigned number = 0; number < 256; ++number) {
    const CommandReply reply{.fate = static_cast<Fate>(number), .outcome = {}};
    if (DecodeForwardedReply(Encode(ForwardedReply{.id = {}, .reply = reply}))) {
      text += std::to_string(number) + " " + std::string(Name(reply.fate)) + "\n";
    }
  }
  return text;
}

std::string RunExample(const golden::Command& command) {
  if (command.name == "fates") {
    return ListFates();
  }
  const std::map<std::string, std::function<std::string()>> messages{
      {"hello", [&] { return HelloOf(command); }},
      {"answer", [&] { return AnswerOf(command); }},
      {"frame", [&] { return FrameOf(command); }},
      {"heartbeat", [] { return EncodeHeartbeat(); }},
      {"forward", [&] { return ForwardOf(command); }},
      {"reply", [&] { return ReplyOf(command); }},
      {"checkpoint", [&] { return EncodeCheckpointId(Number(command, "id")); }},
      {"fetch", [&] { return Encode(FetchRequestOf(command)); }},
      {"chunk", [&] { return ChunkOf(command); }},
      {"installed",
       [&] {
         return Encode(Installed{.checkpoint = Number(command, "id"),
                                 .is_in_place = Has(command, "in_place")});
       }},
      {"listing", [&] { return ListingOf(command); }},
      {"audit", [&] { return AuditOf(command); }}};
  return golden::HexDump(messages.at(command.name)());
}

TEST(PeerProtocol, IsTheDocumentedOne) {
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/protocol/peer.md", RunExample);
}

}  // namespace
}  // namespace firn
