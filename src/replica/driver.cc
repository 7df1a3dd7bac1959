// SPDX-License-Identifier: Apache-2.0
//
// The order within a Ready is what keeps data: its entries and vote are durable before any message
// that says so leaves, and before anything it commits is applied. Where it commits a change of the
// membership, that is applied before those messages too, for votes are counted by it.
#include "replica/driver.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "base/propagate.h"

namespace firn {
namespace {

// While a write is under way, so much waits before it goes into an entry of its own.
constexpr std::uint64_t kGroupBytesEager = 64 << 10;

// Reads for which no leader could be asked are given up after so many election timeouts.
constexpr std::uint64_t kReadPatience = 3;

}  // namespace

Result<std::unique_ptr<Driver>> Driver::Start(const DriverConfig& config,
                                              const DriverParts& parts) {
  std::unique_ptr<Driver> driver(new Driver(config, parts));
  driver->durable_ballot_ = parts.ballot.ballot();
  RaftConfig raft;
  raft.id = config.id;
  raft.applied = parts.machine.state().index;
  raft.seed = config.seed;
  raft.election_ticks = config.election_ticks;
  raft.message_bytes_max = config.group_bytes_max;
  raft.on_panic = [own = driver.get()](std::string_view text) { own->panic_ = text; };
  FIRN_TRY_ASSIGN(driver->raft_, Raft::Start(raft, *driver));
  return driver;
}

Driver::~Driver() {
  {
    MutexLock lock(box_->mutex);
    parts_.scheduler.Wait(box_->mutex, box_->changed, [this]() FIRN_REQUIRES(box_->mutex) {
      return (!writing_ || box_->written.has_value()) && !box_->releasing;
    });
  }
  LoseLeadership();
  for (auto& reply : new_reads_) {
    reply(Fate::kStopped);
  }
  if (round_) {
    confirmed_.push_back({.index = {}, .replies = std::move(round_->replies)});
  }
  for (ConfirmedRead& read : confirmed_) {
    for (auto& reply : read.replies) {
      reply(Fate::kStopped);
    }
  }
}

// --- What Raft reads.

HardState Driver::InitialState() {
  const LogIndex applied = parts_.machine.state().index;
  const LogIndex commit =
      std::clamp(parts_.log.recovered_commit(), applied, std::max(applied, parts_.log.LastIndex()));
  // A vote is older than the log only when the vote's file was made after it: at the start.
  return {.term = std::max(parts_.ballot.ballot().term, parts_.log.TermAt(parts_.log.LastIndex())),
          .vote = parts_.ballot.ballot().vote,
          .commit = commit};
}

Membership Driver::InitialMembership() { return parts_.machine.state().membership; }

// An entry that cannot be read back is as if trimmed: the peer gets a snapshot instead.
std::vector<LogEntry> Driver::Entries(LogIndex low, LogIndex high, std::uint64_t bytes_max) {
  std::vector<LogEntry> entries;
  std::uint64_t bytes = 0;
  for (LogIndex index = low; index < high; index = index.Next()) {
    Result<LogEntry> entry = parts_.log.Read(index);
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

// State snapshots are not sent yet: a peer that needs entries older than the log waits for ever.
std::optional<StateSnapshot> Driver::Snapshot() { return std::nullopt; }

// --- Inputs.

Result<void> Driver::Tick(std::uint64_t elapsed_ms) {
  raft_->Tick();
  elapsed_ms_ += elapsed_ms;
  write_ticks_ = writing_ ? write_ticks_ + 1 : 0;
  new_reads_ticks_ = new_reads_.empty() ? 0 : new_reads_ticks_ + 1;
  if (round_) {
    ++round_->ticks;
  }
  if (retry_write_) {
    retry_write_ = false;
    StartWrite();
  }
  has_input_ = true;
  return TrimLog();
}

void Driver::Receive(std::string_view message) {
  // Bytes that are no message come from no peer of ours: the transport has checked who sends.
  static_cast<void>(raft_->Step(message));
  has_input_ = true;
}

void Driver::Submit(const Command& command, std::function<void(const CommandReply&)> reply) {
  if (!is_leader()) {
    reply({.fate = Fate::kNotLeader, .outcome = {}});
    return;
  }
  const std::uint64_t bytes = command.operations.size() + command.condition.key.size() +
                              command.condition.value.size() + 32;
  if (waiting_bytes_ + bytes > config_.waiting_bytes_max) {
    reply({.fate = Fate::kOverloaded, .outcome = {}});
    return;
  }
  waiting_bytes_ += bytes;
  waiting_.push_back({.command = command, .reply = std::move(reply), .bytes = bytes});
}

void Driver::Read(std::function<void(Fate)> reply) { new_reads_.push_back(std::move(reply)); }

void Driver::ProposeChange(const MembershipChange& change, std::function<void(Fate)> reply) {
  if (!is_leader()) {
    reply(Fate::kNotLeader);
  } else if (change_ || !raft_->ProposeChange(change)) {
    reply(Fate::kOverloaded);
  } else {
    change_ = {change, std::move(reply)};
    has_input_ = true;
  }
}

// --- The turn.

Result<void> Driver::Turn() {
  for (bool progress = true; progress;) {
    progress = false;
    if (std::optional<Result<RaftLog::Places>> written = TakeWritten()) {
      FIRN_TRY(FinishWrite(*std::move(written)));
    }
    if (ready_ && is_written_) {
      FIRN_TRY(FinishReady());
    }
    StartReadRound();
    ProposeGroup();
    if (!ready_ && raft_->HasReady()) {
      StartReady();
      progress = is_written_;
    } else if (ready_ && has_input_) {
      TakeOutboxNow();
    }
    has_input_ = false;
    AnswerReads();
    if (raft_->panicked()) {
      return Error{ErrorCode::kCorruption, "raft panicked: " + panic_};
    }
  }
  return {};
}

// Gathers what waits into one entry. While a write is under way only a large group is worth one.
void Driver::ProposeGroup() {
  if (waiting_.empty() || !is_leader() || (ready_ && waiting_bytes_ < kGroupBytesEager)) {
    return;
  }
  const std::uint64_t proposal = config_.boot + ++unique_;
  GroupBuilder group({.proposal = proposal, .elapsed_ms = std::min(elapsed_ms_, kElapsedMax)});
  std::vector<Waiting> taken;
  std::uint64_t operations = 0;
  while (!waiting_.empty()) {
    Waiting& next = waiting_.front();
    // An operation has two bytes at least; remembering a result takes up to two more.
    operations += next.command.operations.size() / 3 + 3;
    const bool is_full =
        group.size() + next.bytes > config_.group_bytes_max || operations > kGroupOperationsMax;
    if (is_full && !taken.empty()) {
      break;
    }
    group.Add(next.command);
    waiting_bytes_ -= next.bytes;
    taken.push_back(std::move(next));
    waiting_.pop_front();
  }
  has_input_ = true;
  if (raft_->Propose(group.Take())) {
    elapsed_ms_ = 0;
    proposed_[proposal] = std::move(taken);
    return;
  }
  // Too much is uncommitted, or leadership is being handed over.
  for (Waiting& dropped : taken) {
    dropped.reply({.fate = Fate::kOverloaded, .outcome = {}});
  }
}

// Whether a message may overtake the write of the Ready it came with: one that only tells what is
// durable already, or that asks for nothing but to be counted in a term that is.
bool Driver::MayLeaveEarly(const RaftMessage& message) const {
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

void Driver::Route(std::vector<RaftMessage>& messages, std::vector<RaftMessage>& waiting) {
  for (RaftMessage& message : messages) {
    if (MayLeaveEarly(message)) {
      parts_.peers.Send(message);
    } else {
      waiting.push_back(std::move(message));
    }
  }
}

void Driver::StartReady() {
  ready_ = raft_->TakeReady(parts_.log.LastIndex());
  NoteState(ready_->state);
  TakeReadStates(ready_->read_states);
  late_ = std::exchange(stash_, {});
  Route(ready_->messages, late_);
  to_apply_ = ready_->committed_first;
  const Ballot ballot{.term = ready_->state.hard.term, .vote = ready_->state.hard.vote};
  is_written_ = ready_->entries.empty() && ballot == durable_ballot_;
  if (!is_written_) {
    StartWrite();
  }
}

void Driver::StartWrite() {
  writing_ = true;
  const Ballot ballot{.term = ready_->state.hard.term, .vote = ready_->state.hard.vote};
  const LogIndex commit = std::min(ready_->state.hard.commit, parts_.log.LastIndex());
  const bool has_new_ballot = ballot != durable_ballot_;
  parts_.scheduler.Submit(Lane::kRaftLog, [this, box = box_, ballot, commit, has_new_ballot] {
    Result<RaftLog::Places> places = [&]() -> Result<RaftLog::Places> {
      if (has_new_ballot) {
        FIRN_TRY(parts_.ballot.Write(ballot));
      }
      if (ready_->entries.empty()) {
        return RaftLog::Places();
      }
      return parts_.log.Write(ready_->entries, commit);
    }();
    MutexLock lock(box->mutex);
    box->written = std::move(places);
    box->changed.NotifyAll();
    parts_.wake();  // Under the mutex: without it the driver may be gone.
  });
}

std::optional<Result<RaftLog::Places>> Driver::TakeWritten() {
  if (!writing_) {
    return std::nullopt;
  }
  MutexLock lock(box_->mutex);
  return std::exchange(box_->written, std::nullopt);
}

Result<void> Driver::FinishWrite(Result<RaftLog::Places> written) {
  writing_ = false;
  if (!written) {
    if (written.error().code != ErrorCode::kNoSpace) {
      return std::move(written).error();
    }
    retry_write_ = true;
    return {};
  }
  durable_ballot_ = {.term = ready_->state.hard.term, .vote = ready_->state.hard.vote};
  parts_.log.Adopt(std::move(ready_->entries), *written);
  is_written_ = true;
  return {};
}

bool Driver::CommitsChange() const {
  for (LogIndex index = to_apply_; index != LogIndex{} && index <= ready_->committed_last;
       index = index.Next()) {
    if (parts_.log.KindAt(index) == EntryKind::kMembership) {
      return true;
    }
  }
  return false;
}

void Driver::SendLate() {
  for (const RaftMessage& message : late_) {
    parts_.peers.Send(message);
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
  Outbox outbox = raft_->TakeOutbox(parts_.log.LastIndex());
  NoteState(outbox.state);
  TakeReadStates(outbox.read_states);
  Route(outbox.messages, stash_);
}

// --- Trimming.

// The flushed state names the oldest segment that opening needs, as it was when the flush began. So
// what is trimmed here is deleted after the next flush.
Result<void> Driver::TrimLog() {
  FIRN_TRY_ASSIGN(const ReplicaState flushed, parts_.machine.Flushed());
  RaftLog& log = parts_.log;
  const LogIndex point = std::min(log.TrimPoint(config_.log_bytes_kept), flushed.index);
  if (point >= log.FirstIndex()) {
    log.Trim(point);
    parts_.machine.SetMinLogSegment(log.min_live_segment());
  }
  if (flushed.min_log_segment > released_) {
    ReleaseSegments(flushed.min_log_segment);
  }
  return {};
}

// What fails is tried again when more is to go.
void Driver::ReleaseSegments(WalNumber min_live) {
  {
    MutexLock lock(box_->mutex);
    if (box_->releasing) {
      return;
    }
    box_->releasing = true;
  }
  released_ = min_live;
  parts_.scheduler.Submit(Lane::kFlush, [&log = parts_.log, box = box_, min_live] {
    static_cast<void>(log.ReleaseSegments(min_live));
    MutexLock lock(box->mutex);
    box->releasing = false;
    box->changed.NotifyAll();
  });
}

// --- Applying.

Result<void> Driver::ApplyCommitted() {
  while (to_apply_ != LogIndex{} && to_apply_ <= ready_->committed_last &&
         parts_.machine.HasRoom()) {
    FIRN_TRY_ASSIGN(const LogEntry entry, parts_.log.Read(to_apply_));
    FIRN_TRY(ApplyEntry(entry));
    to_apply_ = to_apply_.Next();
  }
  return {};
}

Result<void> Driver::ApplyEntry(const LogEntry& entry) {
  if (entry.kind == EntryKind::kData) {
    FIRN_TRY_ASSIGN(const StateMachine::Applied applied, parts_.machine.Apply(entry));
    Answer(applied);
    return {};
  }
  FIRN_TRY_ASSIGN(const MembershipChange change, DecodeMembershipChange(entry.data));
  FIRN_TRY(parts_.machine.ApplyChange(entry, change, raft_->ApplyChange(change)));
  if (change_ && change_->first == change) {
    std::exchange(change_, std::nullopt)->second(Fate::kDone);
  }
  return {};
}

void Driver::Answer(const StateMachine::Applied& applied) {
  const auto found = proposed_.find(applied.proposal);
  if (found == proposed_.end()) {
    return;
  }
  const std::vector<Waiting> waiting = std::move(found->second);
  proposed_.erase(found);
  FIRN_CHECK(waiting.size() == applied.outcomes.size(), waiting.size(), applied.outcomes.size());
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    waiting[i].reply({.fate = Fate::kDone, .outcome = applied.outcomes[i]});
  }
}

void Driver::NoteState(const RaftState& state) {
  const bool was_leader = is_leader();
  const bool lost =
      was_leader && (state.role != RaftRole::kLeader || state.hard.term != state_.hard.term);
  state_ = state;
  if (lost) {
    LoseLeadership();
  }
}

// What was proposed may still be committed by the next leader. What was not is certain.
void Driver::LoseLeadership() {
  for (auto& [proposal, group] : std::exchange(proposed_, {})) {
    for (const Waiting& waiting : group) {
      waiting.reply({.fate = Fate::kUnknown, .outcome = {}});
    }
  }
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    waiting.reply({.fate = Fate::kNotLeader, .outcome = {}});
  }
  waiting_bytes_ = 0;
  if (change_) {
    std::exchange(change_, std::nullopt)->second(Fate::kUnknown);
  }
}

// --- Reads.

std::string Driver::Unique() {
  std::string context;
  PutLittle(context, config_.id.value);
  PutLittle(context, config_.boot);
  PutLittle(context, ++unique_);
  return context;
}

// One round at a time, for all who asked before it began. One that a change of the leader or a lost
// message has made hopeless is begun anew, under another context.
void Driver::StartReadRound() {
  if (round_ && (round_->ticks >= config_.election_ticks || round_->leader != state_.leader ||
                 round_->term != state_.hard.term)) {
    std::ranges::move(round_->replies, std::back_inserter(new_reads_));
    round_.reset();
  }
  if (round_ || new_reads_.empty()) {
    return;
  }
  if (state_.leader == NodeId{}) {
    if (new_reads_ticks_ >= kReadPatience * config_.election_ticks) {
      for (const auto& reply : std::exchange(new_reads_, {})) {
        reply(Fate::kUnknown);
      }
    }
    return;
  }
  round_ = {.context = Unique(),
            .term = state_.hard.term,
            .leader = state_.leader,
            .ticks = 0,
            .replies = std::exchange(new_reads_, {})};
  raft_->ReadIndex(round_->context);
  has_input_ = true;
}

void Driver::TakeReadStates(const std::vector<ReadState>& states) {
  for (const ReadState& state : states) {
    if (round_ && state.context == round_->context) {
      confirmed_.push_back({.index = state.index, .replies = std::move(round_->replies)});
      round_.reset();
    }
  }
}

void Driver::AnswerReads() {
  while (!confirmed_.empty() && confirmed_.front().index <= applied()) {
    const ConfirmedRead read = std::move(confirmed_.front());
    confirmed_.pop_front();
    for (const auto& reply : read.replies) {
      reply(Fate::kDone);
    }
  }
}

}  // namespace firn
