// SPDX-License-Identifier: Apache-2.0
//
// Both directions of the encodings in bridge/bridge.h. They never leave the process, so what does
// not decode is a bug.
#include "consensus/raft.h"

#include <sys/prctl.h>

#include "base/check.h"
#include "base/coding.h"
#include "consensus/bridge/bridge.h"

namespace firn {
namespace {

// Go's runtime starts from a constructor of its own, and with it a thread that looks some 20,000
// times a second whether a goroutine has to be interrupted, for as long as there is work: a fifth
// of a busy follower. Ours never has to be. A thread inherits how late its timers may fire, so this
// one is started with patience, which the first thread keeps until LeaveBridgeStart.
constexpr unsigned long kMonitorSlackNs = 5'000'000;
[[gnu::constructor(101)]] void MakeMonitorPatient() {
  static_cast<void>(::prctl(PR_SET_TIMERSLACK, kMonitorSlackNs));
}

// The bridge takes pointers that are not const and changes nothing behind them.
void* Bytes(std::string_view bytes) { return const_cast<char*>(bytes.data()); }

// Collects a delivery in a string.
void Collect(void* to, const void* bytes, std::uint64_t size) {
  static_cast<std::string*>(to)->assign(static_cast<const char*>(bytes), size);
}

template <typename Id>
Id TakeId(Decoder& in) {
  return {in.Little<std::uint64_t>()};
}

std::string TakeBlock(Decoder& in) {
  const auto length = in.Little<std::uint32_t>();
  return std::string(in.Bytes(length));
}

void PutMembership(std::string& out, const Membership& membership) {
  PutLittle(out, static_cast<std::uint32_t>(membership.voters.size()));
  PutLittle(out, static_cast<std::uint32_t>(membership.learners.size()));
  for (const auto* ids : {&membership.voters, &membership.learners}) {
    for (const NodeId id : *ids) {
      PutLittle(out, id.value);
    }
  }
}

Membership TakeMembership(Decoder& in) {
  Membership membership;
  membership.voters.resize(in.Little<std::uint32_t>());
  membership.learners.resize(in.Little<std::uint32_t>());
  for (auto* ids : {&membership.voters, &membership.learners}) {
    for (NodeId& id : *ids) {
      id = TakeId<NodeId>(in);
    }
  }
  return membership;
}

StateSnapshot TakeSnapshot(Decoder& in) {
  StateSnapshot snapshot;
  snapshot.index = TakeId<LogIndex>(in);
  snapshot.term = TakeId<Term>(in);
  snapshot.membership = TakeMembership(in);
  snapshot.data = std::string(in.rest());
  return snapshot;
}

RaftState TakeState(Decoder& in) {
  RaftState state;
  state.hard = {
      .term = TakeId<Term>(in), .vote = TakeId<NodeId>(in), .commit = TakeId<LogIndex>(in)};
  state.leader = TakeId<NodeId>(in);
  state.role = static_cast<RaftRole>(in.Little<std::uint8_t>());
  return state;
}

std::vector<LogEntry> TakeEntries(Decoder& in) {
  std::vector<LogEntry> entries(in.Little<std::uint32_t>());
  for (LogEntry& entry : entries) {
    entry.term = TakeId<Term>(in);
    entry.index = TakeId<LogIndex>(in);
    entry.kind = static_cast<EntryKind>(in.Little<std::uint8_t>());
    entry.data = TakeBlock(in);
  }
  return entries;
}

std::vector<RaftMessage> TakeMessages(Decoder& in) {
  std::vector<RaftMessage> messages(in.Little<std::uint32_t>());
  for (RaftMessage& message : messages) {
    message.kind = static_cast<RaftMessageKind>(in.Little<std::uint8_t>());
    message.to = TakeId<NodeId>(in);
    message.term = TakeId<Term>(in);
    message.index = TakeId<LogIndex>(in);
    message.bytes = TakeBlock(in);
  }
  return messages;
}

std::vector<ReadState> TakeReadStates(Decoder& in) {
  std::vector<ReadState> states(in.Little<std::uint32_t>());
  for (ReadState& state : states) {
    state.index = TakeId<LogIndex>(in);
    state.context = TakeBlock(in);
  }
  return states;
}

// Decodes within the delivery, so that entries and messages are copied once.
void DeliverReady(void* to, const void* bytes, std::uint64_t size) {
  Ready& ready = *static_cast<Ready*>(to);
  Decoder in({static_cast<const char*>(bytes), size});
  ready.state = TakeState(in);
  ready.entries = TakeEntries(in);
  ready.messages = TakeMessages(in);
  ready.read_states = TakeReadStates(in);
  ready.committed_first = TakeId<LogIndex>(in);
  ready.committed_last = TakeId<LogIndex>(in);
  if (const auto length = in.Little<std::uint32_t>(); length > 0) {
    Decoder inner(in.Bytes(length));
    ready.snapshot = TakeSnapshot(inner);
  }
  FIRN_CHECK(in.ok());
}

std::string LastPanic() {
  std::string text;
  firn_raft_last_panic(Collect, &text);
  return text;
}

}  // namespace

std::string_view Name(RaftRole role) {
  switch (role) {
    case RaftRole::kFollower: return "follower";
    case RaftRole::kCandidate: return "candidate";
    case RaftRole::kLeader: return "leader";
    case RaftRole::kPreCandidate: return "pre-candidate";
  }
  return "unknown";
}

// What the bridge calls to read the log; answers live in `buffer_` until the next.
class Raft::StorageCalls {
 public:
  explicit StorageCalls(RaftStorage& storage) : storage_(storage) {
    calls_ = {.context = this,
              .initial_state = InitialState,
              .entries = Entries,
              .term = [](void* self,
                         std::uint64_t index) { return Of(self).storage_.TermAt({index}).value; },
              .first_index = [](void* self) { return Of(self).storage_.FirstIndex().value; },
              .last_index = [](void* self) { return Of(self).storage_.LastIndex().value; },
              .snapshot = Snapshot};
  }

  firn_raft_storage* calls() { return &calls_; }

 private:
  static StorageCalls& Of(void* self) { return *static_cast<StorageCalls*>(self); }

  firn_raft_bytes Buffer() const { return {.data = buffer_.data(), .size = buffer_.size()}; }

  static firn_raft_bytes InitialState(void* self) {
    StorageCalls& calls = Of(self);
    const HardState hard = calls.storage_.InitialState();
    calls.buffer_.clear();
    PutLittle(calls.buffer_, hard.term.value);
    PutLittle(calls.buffer_, hard.vote.value);
    PutLittle(calls.buffer_, hard.commit.value);
    PutMembership(calls.buffer_, calls.storage_.InitialMembership());
    return calls.Buffer();
  }

  static firn_raft_bytes Entries(void* self, std::uint64_t low, std::uint64_t high,
                                 std::uint64_t bytes_max) {
    StorageCalls& calls = Of(self);
    calls.buffer_.clear();
    for (const LogEntry& entry : calls.storage_.Entries({low}, {high}, bytes_max)) {
      PutLittle(calls.buffer_, entry.term.value);
      PutLittle(calls.buffer_, entry.index.value);
      PutLittle(calls.buffer_, static_cast<std::uint8_t>(entry.kind));
      PutLittle(calls.buffer_, static_cast<std::uint32_t>(entry.data.size()));
      calls.buffer_ += entry.data;
    }
    return calls.Buffer();
  }

  static firn_raft_bytes Snapshot(void* self) {
    StorageCalls& calls = Of(self);
    calls.buffer_.clear();
    if (const std::optional<StateSnapshot> snapshot = calls.storage_.Snapshot()) {
      PutLittle(calls.buffer_, snapshot->index.value);
      PutLittle(calls.buffer_, snapshot->term.value);
      PutMembership(calls.buffer_, snapshot->membership);
      calls.buffer_ += snapshot->data;
    }
    return calls.Buffer();
  }

  RaftStorage& storage_;
  firn_raft_storage calls_{};
  std::string buffer_;
};

Result<std::unique_ptr<Raft>> Raft::Start(const RaftConfig& config, RaftStorage& storage) {
  std::unique_ptr<Raft> raft(new Raft(config));
  raft->storage_ = std::make_unique<StorageCalls>(storage);
  firn_raft_config bridged = {.id = config.id.value,
                              .applied = config.applied.value,
                              .seed = config.seed,
                              .election_ticks = config.election_ticks,
                              .heartbeat_ticks = config.heartbeat_ticks,
                              .message_bytes_max = config.message_bytes_max,
                              .uncommitted_bytes_max = config.uncommitted_bytes_max,
                              .committed_bytes_max = config.committed_bytes_max,
                              .inflight_messages_max = config.inflight_messages_max};
  raft->handle_ = firn_raft_start(&bridged, raft->storage_->calls());
  if (raft->handle_ == 0) {
    return Error{ErrorCode::kCorruption, "raft cannot start from its stored state: " + LastPanic()};
  }
  return raft;
}

Raft::Raft(RaftConfig config) : on_panic_(std::move(config.on_panic)) {}

Raft::~Raft() {
  if (handle_ != 0) {
    firn_raft_free(handle_);
  }
}

// True when the call was done; false when a proposal was dropped or the node is dead.
bool Raft::Done(std::int32_t status) {
  if (status == FIRN_RAFT_PANICKED) {
    Panicked();
  }
  return status == FIRN_RAFT_OK;
}

void Raft::Panicked() {
  if (!panicked_) {
    panicked_ = true;
    const std::string text = LastPanic();
    FIRN_CHECK(on_panic_, "raft panicked:", text);
    on_panic_(text);
  }
}

void Raft::Tick() { Done(firn_raft_tick(handle_)); }

void Raft::Campaign() { Done(firn_raft_campaign(handle_)); }

Result<void> Raft::Step(std::string_view message) {
  const std::int32_t status = firn_raft_step(handle_, Bytes(message), message.size());
  if (status == FIRN_RAFT_MALFORMED) {
    return Error{ErrorCode::kInvalidArgument,
                 "no raft message in " + std::to_string(message.size()) + " bytes"};
  }
  Done(status);
  return {};
}

bool Raft::Propose(std::string_view data) {
  return Done(firn_raft_propose(handle_, Bytes(data), data.size()));
}

bool Raft::ProposeChange(const MembershipChange& change) {
  return Done(firn_raft_propose_change(handle_, static_cast<std::int32_t>(change.kind),
                                       change.node.value, Bytes(change.context),
                                       change.context.size()));
}

Membership Raft::ApplyChange(const MembershipChange& change) {
  std::string delivered;
  if (!Done(firn_raft_apply_change(handle_, static_cast<std::int32_t>(change.kind),
                                   change.node.value, Collect, &delivered))) {
    return {};
  }
  Decoder in(delivered);
  return TakeMembership(in);
}

void Raft::ReadIndex(std::string_view context) {
  Done(firn_raft_read_index(handle_, Bytes(context), context.size()));
}

void Raft::TransferLeadership(NodeId to) { Done(firn_raft_transfer(handle_, to.value)); }

void Raft::ReportUnreachable(NodeId peer) {
  Done(firn_raft_report_unreachable(handle_, peer.value));
}

void Raft::ReportSnapshot(NodeId peer, bool installed) {
  Done(firn_raft_report_snapshot(handle_, peer.value, installed ? 1 : 0));
}

bool Raft::HasReady() {
  const std::int32_t has = firn_raft_has_ready(handle_);
  if (has < 0) {
    Panicked();
  }
  return has == 1;
}

Ready Raft::TakeReady(LogIndex durable_last) {
  Ready ready;
  Done(firn_raft_ready(handle_, durable_last.value, DeliverReady, &ready));
  return ready;
}

Outbox Raft::TakeOutbox(LogIndex durable_last) {
  Ready ready;
  Done(firn_raft_messages(handle_, durable_last.value, DeliverReady, &ready));
  return {.state = ready.state,
          .messages = std::move(ready.messages),
          .read_states = std::move(ready.read_states)};
}

void Raft::Advance() { Done(firn_raft_advance(handle_)); }

RaftStatus Raft::Status() {
  std::string delivered;
  RaftStatus status;
  if (!Done(firn_raft_status(handle_, Collect, &delivered))) {
    return status;
  }
  Decoder in(delivered);
  status.state = TakeState(in);
  status.applied = TakeId<LogIndex>(in);
  status.transferee = TakeId<NodeId>(in);
  status.peers.resize(in.Little<std::uint32_t>());
  for (PeerProgress& peer : status.peers) {
    peer.id = TakeId<NodeId>(in);
    peer.match = TakeId<LogIndex>(in);
    peer.next = TakeId<LogIndex>(in);
    peer.pending_snapshot = TakeId<LogIndex>(in);
    in.Little<std::uint8_t>();  // The state of replication, which these fields show well enough.
    peer.is_learner = in.Little<std::uint8_t>() != 0;
    peer.recently_active = in.Little<std::uint8_t>() != 0;
  }
  FIRN_CHECK(in.ok());
  return status;
}

Result<MembershipChange> DecodeMembershipChange(std::string_view data) {
  std::string delivered;
  if (firn_raft_decode_change(Bytes(data), data.size(), Collect, &delivered) != FIRN_RAFT_OK) {
    return Error{ErrorCode::kCorruption,
                 "no membership change in " + std::to_string(data.size()) + " bytes"};
  }
  Decoder in(delivered);
  MembershipChange change;
  change.kind = static_cast<MembershipChange::Kind>(in.Little<std::uint8_t>());
  change.node = TakeId<NodeId>(in);
  change.context = std::string(in.rest());
  return change;
}

// The library writes the kind as the first field of the message, in a byte.
std::optional<RaftMessageKind> PeekKind(std::string_view message) {
  constexpr char kFirstFieldVarint = 0x08;
  if (message.size() < 2 || message[0] != kFirstFieldVarint || message[1] < 0) {
    return std::nullopt;
  }
  return static_cast<RaftMessageKind>(message[1]);
}

Result<StateSnapshot> DecodeSnapshotMessage(std::string_view message) {
  std::string delivered;
  if (firn_raft_decode_snapshot(Bytes(message), message.size(), Collect, &delivered) !=
      FIRN_RAFT_OK) {
    return Error{ErrorCode::kInvalidArgument,
                 "no snapshot message in " + std::to_string(message.size()) + " bytes"};
  }
  Decoder in(delivered);
  return TakeSnapshot(in);
}

void LeaveBridgeStart() {
  constexpr unsigned long kUsualSlackNs = 50'000;
  static_cast<void>(::prctl(PR_SET_TIMERSLACK, kUsualSlackNs));
}

void RunInsideBridge(const std::function<void()>& body) {
  firn_raft_run([](void* argument) { (*static_cast<const std::function<void()>*>(argument))(); },
                const_cast<std::function<void()>*>(&body));
}

}  // namespace firn
