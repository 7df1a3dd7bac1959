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

#include "consensus/raft.h"
#include "io/scheduler.h"
#include "replica/auditor.h"
#include "replica/checkpoint_fetcher.h"
#include "replica/checkpoint_source.h"
#include "replica/errand.h"
#include "replica/forwarder.h"
#include "replica/node_directory.h"
#include "replica/peer_message.h"
#include "replica/planted_defect.h"
#include "replica/proposals.h"
#include "replica/read_rounds.h"
#include "replica/requests.h"

namespace firn {

struct DriverConfig {
  NodeId id;
  std::uint64_t seed = 0;
  // Random, of this run: makes proposals, read contexts and ids of checkpoints unique for ever.
  std::uint64_t boot = 0;
  std::uint64_t election_ticks = 10;
  std::uint64_t group_bytes_max = std::uint64_t{1} << 20;
  std::uint64_t waiting_bytes_max = std::uint64_t{32} << 20;  // Of commands; more are refused.
  std::uint64_t log_bytes_kept = std::uint64_t{64} << 20;     // For peers that were away.
  // Commands and reads wait for others when many came lately; the owner bounds that (EndGathering).
  bool gathers = false;
  std::uint64_t disk_patience_ticks = 600;       // A write that takes longer ends the node.
  std::uint64_t audit_history_interval = 1'024;  // Entries between comparisons of checksums,
  std::uint64_t audit_rows_interval = std::uint64_t{1} << 20;  // and of all rows.
  PlantedDefect defect = PlantedDefect::kNone;                 // Tests alone.
};

// What a driver works with. Outlives it.
struct DriverParts {
  NodeParts& node;         // Its machine is replaced when a state snapshot is installed.
  const NodeSetup& setup;  // The node's.
  PeerSender& peers;
  Scheduler& scheduler;
  std::function<void()> wake;  // Any thread: makes the owner call Turn soon. Short, calls nothing.
  // The store to read from now on; called before any read is answered that needs it. May be null.
  std::function<void(const std::shared_ptr<Engine>&)> on_store;
};

class Driver final : private RaftStorage {
 public:
  // kCorruption when log and tables contradict each other.
  static Result<std::unique_ptr<Driver>> Start(const DriverConfig& config,
                                               const DriverParts& parts);
  ~Driver() override;

  // Inputs; each is followed by Turn, one or many at a time.
  Result<void> Tick(std::uint64_t elapsed_ms);  // kCorruption: what was flushed cannot be read.
  // What is no message is ignored: the transport has checked who sends.
  void Receive(NodeId from, PeerMessageKind kind, std::string_view bytes);
  // The command's views must hold until the reply, which comes once, from Turn or at once. Where
  // this node does not lead, the command goes to the leader, or is answered with kNotLeader.
  void Submit(const Command& command, bool may_forward, Proposals::Reply reply);
  // Replies with kDone once the state machine holds every write that was acknowledged anywhere
  // before the call, with kUnknown when that could not be found out.
  void Read(ReadRounds::Reply reply);
  void ReadStale(std::uint64_t age_ms_max, const ReadRounds::Reply& reply) {
    reads_.AddStale(age_ms_max, applied(), reply);
  }
  // One at a time; the reply comes when it was applied.
  void ChangeMembership(const MembershipRequest& request,
                        std::function<void(const MembershipReply&)> reply);
  void TransferLeadership(NodeId to);  // 0: the voter that is furthest.
  void PeerUnreachable(NodeId peer);

  // Does all there is to do and does not wait. An error is final: the node must stop.
  Result<void> Turn();

  // How many more would make a group of those that wait; 0: none are waited for. A Turn after
  // EndGathering goes on with what is there.
  struct Missing {
    std::size_t commands = 0;
    std::size_t reads = 0;

    bool any() const { return commands + reads > 0; }
  };
  Missing missing() const {
    return {.commands = is_leader() ? proposals_.gathering_count() : 0,
            .reads = reads_.gathering_count()};
  }
  void EndGathering() {
    proposals_.EndGathering();
    reads_.EndGathering();
  }

  bool is_leader() const { return state_.role == RaftRole::kLeader; }
  const RaftState& state() const { return state_; }
  RaftStatus Status() { return raft_->Status(); }
  const ReplicaState& replica_state() const { return machine().state(); }
  LogIndex applied() const { return machine().state().index; }
  LogIndex durable_last() const { return log().LastIndex(); }
  std::uint64_t waiting_bytes() const { return proposals_.waiting_bytes(); }
  // As a leader knows its peers, as of the last second.
  const std::vector<PeerProgress>& progress() const { return progress_; }
  // A state snapshot is being put in place.
  bool is_installing() const { return ready_ && ready_->snapshot; }
  // Ticks for which the disk has not finished the write that it has.
  std::uint64_t write_overdue_ticks() const { return write_ticks_; }

 private:
  // What the log lane has made durable.
  struct Written {
    RaftLog::Places places;
    std::optional<LogPlace> start;  // Of the log that a state snapshot begins.
  };
  struct PendingChange {
    MembershipChange change;
    std::function<void(const MembershipReply&)> reply;
    std::uint64_t ticks = 0;
  };
  // A store that a state snapshot has replaced; readers may still be in it.
  struct Retired {
    std::uint64_t number = 0;
    std::weak_ptr<Engine> engine;
  };

  Driver(const DriverConfig& config, const DriverParts& parts);

  StateMachine& machine() const { return *parts_.node.machine; }
  RaftLog& log() const { return *parts_.node.log; }

  // RaftStorage.
  HardState InitialState() override;
  Membership InitialMembership() override { return machine().state().membership; }
  std::vector<LogEntry> Entries(LogIndex low, LogIndex high, std::uint64_t bytes_max) override;
  Term TermAt(LogIndex index) override { return log().TermAt(index); }
  LogIndex FirstIndex() override { return log().FirstIndex(); }
  LogIndex LastIndex() override { return log().LastIndex(); }
  std::optional<StateSnapshot> Snapshot() override;

  void ReceiveRaft(NodeId from, std::string_view message);
  void ProposeGroup();
  void StartReadRound();
  bool HasUnappliedChange() const;

  // The outstanding Ready.
  Result<void> StartReady();
  void StartWrite();
  Result<Written> WriteReady(const Ballot& ballot, LogIndex commit) const;
  Result<void> FinishWrite(Result<Written> written);
  Result<void> FinishReady();
  void TakeOutboxNow();
  void Route(std::vector<RaftMessage>& messages, std::vector<RaftMessage>& waiting);
  bool MayLeaveEarly(const RaftMessage& message) const;
  bool CommitsChange() const;
  bool Has(PlantedDefect defect) const { return config_.defect == defect; }
  // What is durable here, as Raft is to take it.
  LogIndex DurableForRaft() const;
  void Send(const RaftMessage& message);
  void SendLate();
  void NoteState(const RaftState& state);
  void LoseLeadership();

  // Applies what the outstanding Ready committed, as far as there is room.
  Result<void> ApplyCommitted();
  Result<void> ApplyEntry(const LogEntry& entry);
  Result<void> ApplyChange(const LogEntry& entry);

  // State snapshots.
  Result<void> Install();
  Result<Written> WriteInstall(const Ballot& ballot) const;
  void SwitchStore();
  void Retire(std::uint64_t store, const std::shared_ptr<Engine>& engine);
  void RemoveRetired();

  // Forgets entries that tables hold and that no peer is likely to ask for, and deletes segments
  // that the flushed state says are not needed.
  Result<void> TrimLog();
  Result<void> WatchDisk();
  // At process durability: has what was written synced now and then.
  Result<void> SyncBehind();
  // Nothing can be written, or not be applied, until there is space on the disk.
  bool IsFull() const;
  // See ReadRounds::Take.
  LogIndex ReadIndexMax() const;
  void NoteProgress();

  const DriverConfig config_;
  const DriverParts parts_;
  std::unique_ptr<Raft> raft_;
  RaftState state_;
  std::string panic_;
  std::uint64_t ticks_ = 0;
  std::vector<PeerProgress> progress_;

  // The outstanding Ready, from TakeReady to Advance.
  std::optional<Ready> ready_;
  std::vector<RaftMessage> late_;   // Messages that wait for its write.
  std::vector<RaftMessage> stash_;  // Those that came since, and wait for the next one's.
  bool is_written_ = false;         // The Ready is durable.
  bool retry_write_ = false;        // There was no space; to be tried again at the next tick.
  bool log_is_full_ = false;        // The last write found no space.
  bool is_muted_ = false;           // A leader whose disk is stuck lets others lead.
  std::uint64_t write_ticks_ = 0;
  std::uint64_t full_ticks_ = 0;
  Ballot durable_ballot_;
  LogIndex to_apply_;         // The next entry of it to be applied.
  bool is_unsynced_ = false;  // Entries were written since a sync of SyncBehind began.
  WalNumber released_;        // Segments below are deleted, or being deleted.
  bool has_input_ = false;    // Since messages were last let out.
  LogIndex newest_change_;    // The last change of the membership applied in this life.
  std::optional<PendingChange> change_;
  std::optional<CheckpointFetcher::Fetched> fetched_;  // To be installed.
  std::uint64_t store_ = 0;                            // The number of the store that counts.
  std::vector<Retired> retired_;
  std::vector<std::shared_ptr<Engine>> to_close_;

  Proposals proposals_;
  ReadRounds reads_;
  Forwarder forwarder_;
  Auditor auditor_;
  CheckpointSource source_;
  CheckpointFetcher fetcher_;
  // Last: they wait for lanes that use what stands above.
  Errand<Result<Written>> write_;
  Errand<Result<void>> release_;
  Errand<Result<void>> closing_;
  Errand<Result<void>> sync_;
};

}  // namespace firn
