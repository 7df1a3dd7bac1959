// SPDX-License-Identifier: Apache-2.0
//
// Drives Raft on one node: takes what comes in (messages, commands, ticks, finished disk writes),
// turns it into entries, messages, disk writes and applied state, and answers those who asked.
//
// At most one Ready is outstanding. Its entries and its vote are written by the log lane; meanwhile
// the node goes on ticking, stepping and proposing, and everything that need not wait for the disk
// leaves at once, heartbeats above all. What the group of a commit waits for is gathered into the
// next entry, so that batches grow with the load and with the slowness of the disk.
//
// Not thread-safe: one thread calls everything, inside the bridge (RunInsideBridge), except what
// says otherwise. Knows no clock: time is ticks. Rules are numbered in docs/invariants.md.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "consensus/raft.h"
#include "io/scheduler.h"
#include "replica/ballot.h"
#include "replica/raft_log.h"
#include "replica/state_machine.h"

namespace firn {

// Where messages to other nodes go. Never blocks; may lose, delay and repeat.
class PeerSender {
 public:
  virtual ~PeerSender() = default;
  virtual void Send(const RaftMessage& message) = 0;
};

// What a caller is told about a request.
enum class Fate : std::uint8_t {
  kDone,        // Applied, with an outcome; or, for a read, to be read now.
  kNotLeader,   // Certainly not applied. The leader may be known.
  kOverloaded,  // Certainly not applied: too much is waiting. Later.
  kUnknown,     // Applied or not: leadership was lost before that was seen.
  kStopped,     // The node has ended; like kUnknown.
};

struct CommandReply {
  Fate fate = Fate::kStopped;
  Outcome outcome;
};

struct DriverConfig {
  NodeId id;
  std::uint64_t seed = 0;
  std::uint64_t boot =
      0;  // Random, of this run: makes proposals and read contexts unique for ever.
  std::uint64_t election_ticks = 10;
  std::uint64_t group_bytes_max = std::uint64_t{1} << 20;
  std::uint64_t waiting_bytes_max = std::uint64_t{32} << 20;  // Of commands; more are refused.
  std::uint64_t log_bytes_kept = std::uint64_t{64} << 20;     // For peers that were away.
};

// What a driver works with. Outlives it.
struct DriverParts {
  RaftLog& log;
  BallotFile& ballot;
  StateMachine& machine;
  PeerSender& peers;
  Scheduler& scheduler;
  std::function<void()> wake;  // Any thread: makes the owner call Turn soon. Short, calls nothing.
};

class Driver final : private RaftStorage {
 public:
  // kCorruption when log and tables contradict each other.
  static Result<std::unique_ptr<Driver>> Start(const DriverConfig& config,
                                               const DriverParts& parts);
  ~Driver() override;

  // Inputs; each is followed by Turn, one or many at a time.
  Result<void> Tick(std::uint64_t elapsed_ms);  // kCorruption: what was flushed cannot be read.
  void Receive(std::string_view message);       // What is no message is ignored.
  // The command's views must hold until the reply, which comes once, from Turn.
  void Submit(const Command& command, std::function<void(const CommandReply&)> reply);
  // Replies with kDone once the state machine holds every write that was acknowledged anywhere
  // before the call (Raft dissertation §6.4), with kUnknown when that could not be found out.
  void Read(std::function<void(Fate)> reply);
  // One at a time; the reply comes when it was applied.
  void ProposeChange(const MembershipChange& change, std::function<void(Fate)> reply);
  void TransferLeadership(NodeId to) { raft_->TransferLeadership(to); }

  // Does all there is to do and does not wait. An error is final: the node must stop.
  Result<void> Turn();

  bool is_leader() const { return state_.role == RaftRole::kLeader; }
  const RaftState& state() const { return state_; }
  RaftStatus Status() { return raft_->Status(); }
  LogIndex applied() const { return parts_.machine.state().index; }
  LogIndex durable_last() const { return parts_.log.LastIndex(); }
  // Ticks for which the disk has not finished the write that it has.
  std::uint64_t write_overdue_ticks() const { return write_ticks_; }

 private:
  struct Waiting {
    Command command;
    std::function<void(const CommandReply&)> reply;
    std::uint64_t bytes = 0;
  };
  // What the lanes share with the driver.
  struct LaneBox {
    Mutex mutex;
    ConditionVariable changed;
    std::optional<Result<RaftLog::Places>> written FIRN_GUARDED_BY(mutex);
    bool releasing FIRN_GUARDED_BY(mutex) = false;  // Segments of the log are being deleted.
  };
  struct ReadRound {
    std::string context;
    Term term;
    NodeId leader;
    std::uint64_t ticks = 0;
    std::vector<std::function<void(Fate)>> replies;
  };
  struct ConfirmedRead {
    LogIndex index;
    std::vector<std::function<void(Fate)>> replies;
  };

  Driver(const DriverConfig& config, const DriverParts& parts) : config_(config), parts_(parts) {}

  // RaftStorage.
  HardState InitialState() override;
  Membership InitialMembership() override;
  std::vector<LogEntry> Entries(LogIndex low, LogIndex high, std::uint64_t bytes_max) override;
  Term TermAt(LogIndex index) override { return parts_.log.TermAt(index); }
  LogIndex FirstIndex() override { return parts_.log.FirstIndex(); }
  LogIndex LastIndex() override { return parts_.log.LastIndex(); }
  std::optional<StateSnapshot> Snapshot() override;

  std::string Unique();
  void ProposeGroup();
  void StartReady();
  void StartWrite();
  void TakeOutboxNow();
  void Route(std::vector<RaftMessage>& messages, std::vector<RaftMessage>& waiting);
  bool MayLeaveEarly(const RaftMessage& message) const;
  std::optional<Result<RaftLog::Places>> TakeWritten();
  Result<void> FinishWrite(Result<RaftLog::Places> written);
  Result<void> FinishReady();
  bool CommitsChange() const;
  void SendLate();
  // Forgets entries that tables hold and that no peer is likely to ask for, and deletes segments
  // that the flushed state says are not needed.
  Result<void> TrimLog();
  void ReleaseSegments(WalNumber min_live);
  // Applies what the outstanding Ready committed, as far as there is room.
  Result<void> ApplyCommitted();
  Result<void> ApplyEntry(const LogEntry& entry);
  void Answer(const StateMachine::Applied& applied);
  void NoteState(const RaftState& state);
  void TakeReadStates(const std::vector<ReadState>& states);
  void StartReadRound();
  void AnswerReads();
  void LoseLeadership();

  const DriverConfig config_;
  const DriverParts parts_;
  std::unique_ptr<Raft> raft_;
  RaftState state_;
  std::string panic_;

  // The outstanding Ready, from TakeReady to Advance.
  std::optional<Ready> ready_;
  std::vector<RaftMessage> late_;   // Messages that wait for its write.
  std::vector<RaftMessage> stash_;  // Those that came since, and wait for the next one's.
  bool is_written_ = false;         // The Ready is durable.
  bool writing_ = false;            // The log lane has it.
  bool retry_write_ = false;        // There was no space; to be tried again at the next tick.
  std::uint64_t write_ticks_ = 0;
  Ballot durable_ballot_;
  LogIndex to_apply_;  // The next entry of it to be applied.
  const std::shared_ptr<LaneBox> box_ = std::make_shared<LaneBox>();
  WalNumber released_;      // Segments below are deleted, or being deleted.
  bool has_input_ = false;  // Since messages were last let out.

  std::deque<Waiting> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t elapsed_ms_ = 0;  // Since the last group.
  std::uint64_t unique_ = 0;
  std::map<std::uint64_t, std::vector<Waiting>> proposed_;  // By proposal.

  std::vector<std::function<void(Fate)>> new_reads_;
  std::uint64_t new_reads_ticks_ = 0;  // For which nothing could be asked for them.
  std::optional<ReadRound> round_;
  std::deque<ConfirmedRead> confirmed_;

  std::optional<std::pair<MembershipChange, std::function<void(Fate)>>> change_;
};

}  // namespace firn
