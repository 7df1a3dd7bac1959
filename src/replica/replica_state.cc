// SPDX-License-Identifier: Apache-2.0
//
// The layout is in docs/format/replica-state.md. A field more, or a field less, is a new version.
#include "base/coding.h"
#include "base/propagate.h"
#include "replica/state_machine.h"

namespace firn {
namespace {

constexpr std::uint8_t kStateVersion = 1;

void PutIds(std::string& out, const std::vector<NodeId>& ids) {
  PutVarint(out, ids.size());
  for (const NodeId id : ids) {
    PutVarint(out, id.value);
  }
}

std::vector<NodeId> TakeIds(Decoder& in) {
  std::vector<NodeId> ids;
  for (std::uint64_t count = in.Varint(); count > 0 && in.ok(); --count) {
    ids.push_back({in.Varint()});
  }
  return ids;
}

Member TakeMember(Decoder& in) {
  Member member;
  member.directory = in.String();
  member.peer_address = in.String();
  member.client_address = in.String();
  return member;
}

}  // namespace

std::string Encode(const Member& member) {
  std::string out;
  PutString(out, member.directory);
  PutString(out, member.peer_address);
  PutString(out, member.client_address);
  return out;
}

Result<Member> DecodeMember(std::string_view bytes) {
  Decoder in(bytes);
  Member member = TakeMember(in);
  if (!in.ok() || !in.done()) {
    return Error{ErrorCode::kCorruption, "no member in " + std::to_string(bytes.size()) + " bytes"};
  }
  return member;
}

std::string Encode(const ReplicaState& state) {
  std::string out;
  out.push_back(static_cast<char>(kStateVersion));
  PutVarint(out, state.index.value);
  PutVarint(out, state.term.value);
  PutIds(out, state.membership.voters);
  PutIds(out, state.membership.learners);
  PutVarint(out, state.members.size());
  for (const auto& [id, member] : state.members) {
    PutVarint(out, id.value);
    out += Encode(member);
  }
  PutVarint(out, state.largest_node.value);
  PutVarint(out, state.clock_ms);
  PutLittle(out, state.checksum);
  PutVarint(out, state.min_log_segment.value);
  return out;
}

Result<ReplicaState> DecodeReplicaState(std::string_view bytes) {
  Decoder in(bytes);
  const auto version = in.Little<std::uint8_t>();
  if (in.ok() && version != kStateVersion) {
    return Error{ErrorCode::kUnsupported, "replica state: version " + std::to_string(version) +
                                              ", this program reads version " +
                                              std::to_string(kStateVersion)};
  }
  ReplicaState state;
  state.index = {in.Varint()};
  state.term = {in.Varint()};
  state.membership.voters = TakeIds(in);
  state.membership.learners = TakeIds(in);
  for (std::uint64_t count = in.Varint(); count > 0 && in.ok(); --count) {
    const NodeId id{in.Varint()};
    state.members[id] = TakeMember(in);
  }
  state.largest_node = {in.Varint()};
  state.clock_ms = in.Varint();
  state.checksum = in.Little<std::uint64_t>();
  state.min_log_segment = {in.Varint()};
  if (!in.ok() || !in.done()) {
    return Error{ErrorCode::kCorruption, "replica state: does not end where it should"};
  }
  return state;
}

}  // namespace firn
