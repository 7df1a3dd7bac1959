// SPDX-License-Identifier: Apache-2.0
//
// The order within a Ready is what keeps data: its entries and vote are durable before any message
// that says so leaves, and before anything it commits is applied. Where it commits a change of the
// membership, that is applied before those messages too, for votes are counted by it.
#include "replica/driver.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/propagate.h"
#include "replica/membership_rules.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

// While a write is under way, so much waits before it goes into an entry of its own.
constexpr std::uint64_t kGroupBytesEager = 64 << 10;

// How far peers are is asked so seldom because the answer is built anew each time.
constexpr std::uint64_t kProgressTicks = 20;

// A change of the membership that the core has refused becomes an empty entry and is never seen.
constexpr std::uint64_t kChangePatience = 10;  // Election timeouts.

// Half the revisions of an entry are left for what sessions have to write.
Result<bool> FitsOneEntry(const Command& command) {
  if (command.operations.size() / 2 <= kGroupOperationsMax / 2) {
    return true;
  }
  std::uint64_t count = 0;
  FIRN_TRY(VisitOperations(command.operations, [&](const BatchOperation&) -> Result<void> {
    ++count;
    return {};
  }));
  return count <= kGroupOperationsMax / 2;
}

}  // namespace

Driver::Driver(const DriverConfig& config, const DriverParts& parts)
    : config_(config),
      parts_(parts),
      durable_ballot_(parts.node.ballot->ballot()),
      store_(durable_ballot_.store),
      proposals_({.boot = config.boot,
                  .group_bytes_max = config.group_bytes_max,
                  .waiting_bytes_max = config.waiting_bytes_max,
                  .gathers = config.gathers}),
      reads_({.node = config.id,
              .boot = config.boot,
              .patience_ticks = config.election_ticks,
              .reuses_contexts = config.defect == PlantedDefect::kReadContextReused,
              .gathers = config.gathers}),
      forwarder_(
          {.peers = parts.peers, .boot = config.boot, .born = parts.node.ballot->ballot().term}),
      auditor_({.node = config.id,
                .peers = parts.peers,
                .scheduler = parts.scheduler,
                .history_interval = config.audit_history_interval,
                .rows_interval = config.audit_rows_interval,
                .wake = parts.wake}),
      source_({.files = *parts.setup.environment.files,
               .scheduler = parts.scheduler,
               .directory = parts.setup.directory,
               .peers = parts.peers,
               .first_id = config.boot,
               .patience_ticks = 10 * config.election_ticks,
               .wake = parts.wake}),
      fetcher_({.node = parts.setup,
                .peers = parts.peers,
                .first_store = durable_ballot_.store + 1,
                .resend_ticks = config.election_ticks,
                .patience_ticks = 20 * config.election_ticks,
                .wake = parts.wake}),
      write_(parts.scheduler, parts.wake),
      release_(parts.scheduler, parts.wake),
      closing_(parts.scheduler, parts.wake),
      sync_(parts.scheduler, parts.wake) {}

Result<std::unique_ptr<Driver>> Driver::Start(const DriverConfig& config,
                                              const DriverParts& parts) {
  std::unique_ptr<Driver> driver(new Driver(config, parts));
  RaftConfig raft;
  raft.id = config.id;
  raft.applied = driver->applied();
  raft.seed = config.seed;
  raft.election_ticks = config.election_ticks;
  raft.message_bytes_max = config.group_bytes_max;
  parts.node.machine->Plant(config.defect);
  if (config.defect == PlantedDefect::kCommittedTruncated) {
    parts.node.log->ForgetLast();
  }
  raft.on_panic = [own = driver.get()](std::string_view text) { own->panic_ = text; };
  FIRN_TRY_ASSIGN(driver->raft_, Raft::Start(raft, *driver));
  parts.peers.SetMembers(driver->replica_state().members);
  return driver;
}

Driver::~Driver() {
  write_.Await();
  LoseLeadership();
}

// --- What Raft reads.

HardState Driver::InitialState() {
  const LogIndex commit =
      std::clamp(log().recovered_commit(), applied(), std::max(applied(), log().LastIndex()));
  // A vote is older than the log only when the vote's file was made after it: at the start.
  return {.term = std::max(durable_ballot_.term, log().TermAt(log().LastIndex())),
          .vote = durable_ballot_.vote,
          .commit = commit};
}

// An entry that cannot be read back is as if trimmed: the peer gets a snapshot instead.
std::vector<LogEntry> Driver::Entries(LogIndex low, LogIndex high, std::uint64_t bytes_max) {
  std::vector<LogEntry> entries;
  std::uint64_t bytes = 0;
  for (LogIndex index = low; index < high; index = index.Next()) {
    Result<LogEntry> entry = log().Read(index);
    if (!entry) {
      break;
    }
    bytes += entry->data.size();
    if (bytes > bytes_max && !entries.empty()) {
      break;
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

// --- Inputs.

// While a state snapshot is being installed the election timer must not run (I-R6).
Result<void> Driver::Tick(std::uint64_t elapsed_ms) {
  ++ticks_;
  if (!is_installing() || Has(PlantedDefect::kTickDuringInstall)) {
    raft_->Tick();
  }
  proposals_.Tick(elapsed_ms);
  reads_.Tick(elapsed_ms);
  forwarder_.Tick();
  fetcher_.Tick();
  for (const NodeId peer : source_.Tick()) {
    raft_->ReportSnapshot(peer, false);
  }
  if (ticks_ % kProgressTicks == 0) {
    NoteProgress();
  }
  if (change_ && ++change_->ticks > kChangePatience * config_.election_ticks) {
    std::exchange(change_, std::nullopt)->reply({.fate = Fate::kUnknown, .node = {}, .reason = {}});
  }
  if (retry_write_) {
    retry_write_ = false;
    StartWrite();
  }
  has_input_ = true;
  RemoveRetired();
  FIRN_TRY(WatchDisk());
  FIRN_TRY(SyncBehind());
  return TrimLog();
}

void Driver::Receive(NodeId from, PeerMessageKind kind, std::string_view bytes) {
  has_input_ = true;
  switch (kind) {
    case PeerMessageKind::kRaft: ReceiveRaft(from, bytes); return;
    case PeerMessageKind::kForward:
      forwarder_.Receive(from, bytes, is_leader() ? state_.hard.term : Term{},
                         [this](const Command& command, Forwarder::Reply reply) {
                           Submit(command, false, std::move(reply));
                         });
      return;
    case PeerMessageKind::kForwardReply: forwarder_.ReceiveReply(bytes); return;
    case PeerMessageKind::kFetch:
      if (const Result<FetchRequest> request = DecodeFetchRequest(bytes)) {
        source_.Receive(from, *request);
      }
      return;
    case PeerMessageKind::kChunk:
      if (const Result<Chunk> chunk = DecodeChunk(bytes)) {
        fetcher_.Receive(from, *chunk);
      }
      return;
    case PeerMessageKind::kInstalled:
      if (const Result<Installed> report = DecodeInstalled(bytes);
          report && source_.Receive(from, *report)) {
        raft_->ReportSnapshot(from, report->is_in_place);
      }
      return;
    case PeerMessageKind::kAudit:
      if (const Result<AuditSum> sum = DecodeAuditSum(bytes)) {
        auditor_.Receive(from, *sum);
      }
      return;
  }
}

// A snapshot waits until its files are here; a call to lead, until no change of the membership is
// on its way, for the node would count votes by the old one (I-R3). Both come again.
void Driver::ReceiveRaft(NodeId from, std::string_view message) {
  if (is_installing()) {
    return;
  }
  const std::optional<RaftMessageKind> kind = PeekKind(message);
  if (kind == RaftMessageKind::kSnapshot) {
    if (const Result<StateSnapshot> state = DecodeSnapshotMessage(message);
        state && state->index > state_.hard.commit && !fetched_) {
      fetcher_.Begin(from, std::string(message), *state);
      return;
    }
  }
  if (kind == RaftMessageKind::kTimeoutNow && HasUnappliedChange()) {
    return;
  }
  static_cast<void>(raft_->Step(message));
}

bool Driver::HasUnappliedChange() const {
  LogIndex seen = log().LastIndex();
  for (LogIndex index = applied().Next(); index <= seen; index = index.Next()) {
    if (log().KindAt(index) == EntryKind::kMembership) {
      return true;
    }
  }
  if (ready_) {
    for (const LogEntry& entry : ready_->entries) {
      if (entry.kind == EntryKind::kMembership) {
        return true;
      }
      seen = std::max(seen, entry.index);
    }
  }
  return state_.hard.commit > seen;
}

void Driver::Submit(const Command& command, bool may_forward, Proposals::Reply reply) {
  const Result<bool> fits = FitsOneEntry(command);
  if (!fits || !*fits) {
    reply({.fate = Fate::kRefused, .outcome = {}});
  } else if (is_leader() && IsFull()) {
    reply({.fate = Fate::kFull, .outcome = {}});
  } else if (is_leader()) {
    proposals_.Add(command, std::move(reply));
  } else if (may_forward && state_.leader != NodeId{}) {
    forwarder_.Send(command, state_.hard.term, state_.leader, std::move(reply));
  } else {
    reply({.fate = Fate::kNotLeader, .outcome = {}});
  }
}

void Driver::Read(ReadRounds::Reply reply) {
  if (Has(PlantedDefect::kReadWithoutQuorum)) {
    reply(Fate::kDone);
    return;
  }
  reads_.Add(std::move(reply));
}

void Driver::ChangeMembership(const MembershipRequest& request,
                              std::function<void(const MembershipReply&)> reply) {
  const NodeId node = request.node;
  if (!is_leader()) {
    reply({.fate = Fate::kNotLeader, .node = node, .reason = {}});
    return;
  }
  if (change_) {
    reply({.fate = Fate::kOverloaded, .node = node, .reason = "another change is under way"});
    return;
  }
  NoteProgress();
  const auto judgement = Judge(request, {.state = replica_state(),
                                         .self = config_.id,
                                         .commit = state_.hard.commit,
                                         .peers = progress_});
  if (const auto* settled = std::get_if<MembershipReply>(&judgement)) {
    reply(*settled);
    if (settled->fate == Fate::kNotLeader) {
      TransferLeadership({});
    }
    return;
  }
  const auto& change = std::get<MembershipChange>(judgement);
  has_input_ = true;
  if (raft_->ProposeChange(change)) {
    change_ = {.change = change, .reply = std::move(reply), .ticks = 0};
  } else {
    reply({.fate = Fate::kOverloaded, .node = node, .reason = "leadership is being handed over"});
  }
}

void Driver::TransferLeadership(NodeId to) {
  if (!is_leader()) {
    return;
  }
  if (to == NodeId{}) {
    NoteProgress();
    LogIndex furthest;
    for (const PeerProgress& peer : progress_) {
      if (!peer.is_learner && peer.recently_active && peer.id != config_.id &&
          (to == NodeId{} || peer.match > furthest)) {
        to = peer.id;
        furthest = peer.match;
      }
    }
  }
  if (to != NodeId{} && to != config_.id) {
    raft_->TransferLeadership(to);
    has_input_ = true;
  }
}

// A snapshot message may be among what was lost. A peer that has it goes on fetching; told of the
// same checkpoint again, it takes that for the same.
void Driver::PeerUnreachable(NodeId peer) {
  raft_->ReportUnreachable(peer);
  if (source_.IsAwaitedBy(peer)) {
    raft_->ReportSnapshot(peer, false);
  }
}

void Driver::NoteProgress() {
  progress_.clear();
  if (is_leader()) {
    progress_ = raft_->Status().peers;
    if (source_.is_serving()) {
      source_.NoteProgress(progress_, log().TrimPoint(config_.log_bytes_kept));
    }
  }
}

// --- The turn.

Result<void> Driver::Turn() {
  for (bool progress = true; progress;) {
    progress = false;
    if (std::optional<Result<Written>> written = write_.Take()) {
      FIRN_TRY(FinishWrite(*std::move(written)));
    }
    if (ready_ && is_written_) {
      FIRN_TRY(FinishReady());
    }
    source_.Turn();
    if (std::optional<CheckpointFetcher::Fetched> fetched = fetcher_.Turn()) {
      fetched_ = std::move(fetched);
    }
    StartReadRound();
    ProposeGroup();
    if (!ready_ && raft_->HasReady()) {
      FIRN_TRY(StartReady());
      progress = is_written_;
    } else if (!ready_ && fetched_) {
      FIRN_TRY(Install());
      progress = ready_ && is_written_;
    } else if (ready_ && has_input_) {
      TakeOutboxNow();
    }
    has_input_ = false;
    reads_.Answer(applied());
    FIRN_TRY(auditor_.Turn(replica_state().membership));
    if (raft_->panicked()) {
      return Error{ErrorCode::kCorruption, "raft panicked: " + panic_};
    }
  }
  return {};
}

// While a write is under way only a large group is worth an entry.
void Driver::ProposeGroup() {
  if (!is_leader() || !proposals_.IsGroupDue() ||
      (ready_ && proposals_.waiting_bytes() < kGroupBytesEager)) {
    return;
  }
  has_input_ = true;
  proposals_.ProposeGroup([this](const std::string& group) { return raft_->Propose(group); });
}

void Driver::StartReadRound() {
  if (const std::optional<std::string> context =
          reads_.StartRound({.term = state_.hard.term, .leader = state_.leader})) {
    raft_->ReadIndex(*context);
    has_input_ = true;
  }
}

// --- The outstanding Ready.

// Whether a message may overtake the write of the Ready it came with: one that only tells what is
// durable already, or that asks for nothing but to be counted in a term that is.
bool Driver::MayLeaveEarly(const RaftMessage& message) const {
  if (Has(PlantedDefect::kReplyBeforeSync)) {
    return true;
  }
  switch (message.kind) {
    case RaftMessageKind::kReadIndex: return true;
    case RaftMessageKind::kAppend:
    case RaftMessageKind::kSnapshot:
    case RaftMessageKind::kHeartbeat:
    case RaftMessageKind::kHeartbeatReply:
    case RaftMessageKind::kTimeoutNow:
    case RaftMessageKind::kReadIndexReply: return message.term == durable_ballot_.term;
    default: return false;
  }
}

LogIndex Driver::DurableForRaft() const {
  return Has(PlantedDefect::kNoCommitClamp) ? LogIndex{~std::uint64_t{0}} : log().LastIndex();
}

void Driver::Send(const RaftMessage& message) {
  if (message.kind == RaftMessageKind::kSnapshot) {
    source_.NoteSent(message.to);
  }
  if (!is_muted_) {
    parts_.peers.Send(message);
  }
}

void Driver::Route(std::vector<RaftMessage>& messages, std::vector<RaftMessage>& waiting) {
  for (RaftMessage& message : messages) {
    if (MayLeaveEarly(message)) {
      Send(message);
    } else {
      waiting.push_back(std::move(message));
    }
  }
}

Result<void> Driver::StartReady() {
  ready_ = raft_->TakeReady(DurableForRaft());
  log().EraseHeld(ready_->entries);
  FIRN_CHECK(ready_->entries.empty() || ready_->entries.front().index > applied(), applied());
  NoteState(ready_->state);
  reads_.Take(ready_->read_states, ReadIndexMax());
  late_ = std::exchange(stash_, {});
  Route(ready_->messages, late_);
  to_apply_ = ready_->committed_first;
  if (ready_->snapshot && (!fetched_ || ready_->snapshot->index != fetched_->state.index)) {
    return Error{ErrorCode::kCorruption, "raft took a state snapshot of index " +
                                             std::to_string(ready_->snapshot->index.value) +
                                             " whose files are not here"};
  }
  is_written_ = ready_->entries.empty() && !ready_->snapshot &&
                ready_->state.hard.term == durable_ballot_.term &&
                ready_->state.hard.vote == durable_ballot_.vote;
  if (!is_written_) {
    StartWrite();
  }
  return {};
}

void Driver::StartWrite() {
  const Ballot ballot{.term = ready_->state.hard.term,
                      .vote = ready_->state.hard.vote,
                      .store = is_installing() ? fetched_->store : durable_ballot_.store};
  const LogIndex commit = std::min(ready_->state.hard.commit, log().LastIndex());
  write_.Start(Lane::kRaftLog, [this, ballot, commit] { return WriteReady(ballot, commit); });
}

// In the log lane. Beside it the driver leaves the Ready alone.
Result<Driver::Written> Driver::WriteReady(const Ballot& ballot, LogIndex commit) const {
  if (ready_->snapshot) {
    return WriteInstall(ballot);
  }
  if (ballot != durable_ballot_ && !Has(PlantedDefect::kVoteNotWritten)) {
    FIRN_TRY(parts_.node.ballot->Write(ballot));
  }
  Written written;
  if (!ready_->entries.empty()) {
    FIRN_TRY_ASSIGN(written.places, log().Write(ready_->entries, commit));
  }
  return written;
}

Result<void> Driver::FinishWrite(Result<Written> written) {
  if (!written) {
    if (written.error().code != ErrorCode::kNoSpace) {
      return std::move(written).error();
    }
    retry_write_ = true;
    log_is_full_ = true;
    return {};
  }
  log_is_full_ = false;
  is_muted_ = false;
  write_ticks_ = 0;
  durable_ballot_ = parts_.node.ballot->ballot();
  if (written->start) {
    log().AdoptStart({.index = ready_->snapshot->index, .term = ready_->snapshot->term},
                     *written->start);
    SwitchStore();
  }
  is_unsynced_ = parts_.setup.durability == Durability::kProcess;
  log().Adopt(std::move(ready_->entries), written->places);
  is_written_ = true;
  return {};
}

bool Driver::CommitsChange() const {
  for (LogIndex index = to_apply_; index != LogIndex{} && index <= ready_->committed_last;
       index = index.Next()) {
    if (log().KindAt(index) == EntryKind::kMembership) {
      return true;
    }
  }
  return false;
}

void Driver::SendLate() {
  for (const RaftMessage& message : late_) {
    Send(message);
  }
  late_.clear();
}

// May be called again and again while memtables are full: the Ready then stays outstanding.
Result<void> Driver::FinishReady() {
  if (!CommitsChange()) {
    SendLate();
  }
  FIRN_TRY(ApplyCommitted());
  if (to_apply_ != LogIndex{} && to_apply_ <= ready_->committed_last) {
    return {};
  }
  SendLate();
  raft_->Advance();
  ready_.reset();
  return {};
}

// Lets out what has come while a Ready is outstanding. What has to wait waits for the next one's
// write: it may acknowledge entries that are not in this one.
void Driver::TakeOutboxNow() {
  Outbox outbox = raft_->TakeOutbox(DurableForRaft());
  NoteState(outbox.state);
  reads_.Take(outbox.read_states, ReadIndexMax());
  Route(outbox.messages, stash_);
}

void Driver::NoteState(const RaftState& state) {
  const bool lost =
      is_leader() && (state.role != RaftRole::kLeader || state.hard.term != state_.hard.term);
  state_ = state;
  if (lost) {
    LoseLeadership();
  }
}

void Driver::LoseLeadership() {
  is_muted_ = false;
  proposals_.Lose();
  if (change_) {
    std::exchange(change_, std::nullopt)->reply({.fate = Fate::kUnknown, .node = {}, .reason = {}});
  }
}

// --- Applying.

Result<void> Driver::ApplyCommitted() {
  while (to_apply_ != LogIndex{} && to_apply_ <= ready_->committed_last && machine().HasRoom()) {
    FIRN_TRY_ASSIGN(const LogEntry entry, log().Read(to_apply_));
    FIRN_TRY(ApplyEntry(entry));
    to_apply_ = to_apply_.Next();
  }
  return {};
}

Result<void> Driver::ApplyEntry(const LogEntry& entry) {
  if (entry.kind == EntryKind::kMembership) {
    FIRN_TRY(ApplyChange(entry));
  } else {
    FIRN_TRY_ASSIGN(const StateMachine::Applied applied, machine().Apply(entry));
    proposals_.Answer(applied);
  }
  auditor_.NoteApplied(machine());
  return {};
}

Result<void> Driver::ApplyChange(const LogEntry& entry) {
  FIRN_TRY_ASSIGN(const MembershipChange change, DecodeMembershipChange(entry.data));
  FIRN_TRY(machine().ApplyChange(entry, change, raft_->ApplyChange(change)));
  newest_change_ = entry.index;
  parts_.peers.SetMembers(replica_state().members);
  if (change_ && change_->change == change) {
    std::exchange(change_, std::nullopt)
        ->reply({.fate = Fate::kDone, .node = change.node, .reason = {}});
  }
  return {};
}

}  // namespace firn
