// SPDX-License-Identifier: Apache-2.0
//
// The layouts are in docs/protocol/peer.md, "Forwarding"; fates and codes go by number.
#include "replica/forwarder.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/coding.h"
#include "base/propagate.h"

namespace firn {
namespace {

// Of one life of a sender; and lives of which something is remembered.
constexpr std::size_t kTakenMax = 16 << 10;
constexpr std::size_t kWindowsMax = 64;

void PutId(std::string& out, const ForwardId& id) {
  PutLittle(out, id.boot);
  PutLittle(out, id.number);
}

ForwardId TakeId(Decoder& in) {
  ForwardId id;
  id.boot = in.Little<std::uint64_t>();
  id.number = in.Little<std::uint64_t>();
  return id;
}

Result<Command> OnlyCommand(std::string_view group) {
  std::optional<Command> only;
  std::size_t count = 0;
  FIRN_TRY(VisitGroup(group, [&](const Command& command) -> Result<void> {
    only = command;
    ++count;
    return {};
  }));
  if (count != 1) {
    return Error{ErrorCode::kCorruption,
                 "forwarded: " + std::to_string(count) + " commands instead of one"};
  }
  return *only;
}

}  // namespace

std::string Encode(const ForwardedCommand& forwarded) {
  std::string out;
  PutId(out, forwarded.id);
  PutVarint(out, forwarded.term.value);
  out += forwarded.group;
  return out;
}

Result<ForwardedCommand> DecodeForwardedCommand(std::string_view bytes) {
  Decoder in(bytes);
  ForwardedCommand forwarded;
  forwarded.id = TakeId(in);
  forwarded.term = {in.Varint()};
  forwarded.group = in.rest();
  if (!in.ok()) {
    return Error{ErrorCode::kCorruption, "forwarded: shorter than its fields"};
  }
  FIRN_TRY(OnlyCommand(forwarded.group));
  return forwarded;
}

std::string Encode(const ForwardedReply& reply) {
  std::string out;
  PutId(out, reply.id);
  out.push_back(static_cast<char>(reply.reply.fate));
  out.push_back(static_cast<char>(reply.reply.outcome.code));
  PutVarint(out, reply.reply.outcome.revision);
  return out;
}

Result<ForwardedReply> DecodeForwardedReply(std::string_view bytes) {
  Decoder in(bytes);
  ForwardedReply reply;
  reply.id = TakeId(in);
  const std::optional<Fate> fate = FateOf(in.Little<std::uint8_t>());
  const auto code = in.Little<std::uint8_t>();
  reply.reply.outcome.revision = in.Varint();
  if (!in.ok() || !in.done() || !fate ||
      code > static_cast<std::uint8_t>(Outcome::Code::kForgotten)) {
    return Error{ErrorCode::kCorruption,
                 "no answer to a forwarded command in " + std::to_string(bytes.size()) + " bytes"};
  }
  reply.reply.fate = *fate;
  reply.reply.outcome.code = static_cast<Outcome::Code>(code);
  return reply;
}

Forwarder::~Forwarder() {
  for (const auto& [id, waiting] : waiting_) {
    waiting.reply({.fate = Fate::kStopped, .outcome = {}});
  }
}

void Forwarder::Send(const Command& command, Term term, NodeId leader, Reply reply) {
  if (waiting_.size() >= setup_.waiting_max) {
    reply({.fate = Fate::kOverloaded, .outcome = {}});
    return;
  }
  GroupBuilder group({});
  group.Add(command);
  const ForwardedCommand forwarded{
      .id = {.boot = setup_.boot, .number = ++numbers_}, .term = term, .group = group.Take()};
  waiting_[forwarded.id.number] = {.reply = std::move(reply), .ticks = 0};
  setup_.peers.Send({.kind = PeerMessageKind::kForward, .to = leader, .bytes = Encode(forwarded)});
}

void Forwarder::Receive(NodeId from, std::string_view bytes, Term leading, const Submit& submit) {
  Result<ForwardedCommand> decoded = DecodeForwardedCommand(bytes);
  if (!decoded) {
    return;
  }
  const ForwardId id = decoded->id;
  if (leading == Term{} || decoded->term != leading) {
    if (const std::optional<Fate> fate = FateOfLate(id, decoded->term)) {
      Answer(from, id, {.fate = *fate, .outcome = {}});
    }
    return;
  }
  if (taken_term_ != leading) {
    taken_term_ = leading;
    windows_.clear();
  }
  if (!Take(id)) {
    return;
  }
  // The command's views hold as long as the reply does.
  const auto held = std::make_shared<const std::string>(std::move(decoded->group));
  submit(*OnlyCommand(*held),
         [this, from, id, held](const CommandReply& reply) { Answer(from, id, reply); });
}

// Whether it was not taken before.
bool Forwarder::Take(const ForwardId& id) {
  if (!windows_.contains(id.boot) && windows_.size() >= kWindowsMax) {
    return false;
  }
  Window& window = windows_[id.boot];
  if (id.number < window.floor || !window.taken.insert(id.number).second) {
    return false;
  }
  if (window.taken.size() > kTakenMax) {
    window.floor = *window.taken.begin() + 1;
    window.taken.erase(window.taken.begin());
  }
  return true;
}

bool Forwarder::WasTaken(const ForwardId& id) const {
  const auto window = windows_.find(id.boot);
  return window != windows_.end() &&
         (id.number < window->second.floor || window->second.taken.contains(id.number));
}

// Of a command for a leader that this node is not. It may be a copy that the network held back: the
// other one was perhaps taken while the node led. Nothing: that one is answered when it ends.
std::optional<Fate> Forwarder::FateOfLate(const ForwardId& id, Term term) const {
  if (term == taken_term_) {
    return WasTaken(id) ? std::nullopt : std::optional(Fate::kNotLeader);
  }
  return term > std::max(taken_term_, setup_.born) ? Fate::kNotLeader : Fate::kUnknown;
}

void Forwarder::Answer(NodeId to, const ForwardId& id, const CommandReply& reply) {
  setup_.peers.Send({.kind = PeerMessageKind::kForwardReply,
                     .to = to,
                     .bytes = Encode(ForwardedReply{.id = id, .reply = reply})});
}

void Forwarder::ReceiveReply(std::string_view bytes) {
  const Result<ForwardedReply> decoded = DecodeForwardedReply(bytes);
  if (!decoded) {
    return;
  }
  const auto waiting = waiting_.find(decoded->id.number);
  if (decoded->id.boot == setup_.boot && waiting != waiting_.end()) {
    const Reply reply = std::move(waiting->second.reply);
    waiting_.erase(waiting);
    reply(decoded->reply);
  }
}

void Forwarder::Tick() {
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    if (++waiting->second.ticks < setup_.patience_ticks) {
      ++waiting;
      continue;
    }
    const Reply reply = std::move(waiting->second.reply);
    waiting = waiting_.erase(waiting);
    reply({.fate = Fate::kUnknown, .outcome = {}});
  }
}

}  // namespace firn
