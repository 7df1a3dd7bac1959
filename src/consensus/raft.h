// SPDX-License-Identifier: Apache-2.0
//
// One node of Raft as a pure state machine: messages, proposals and ticks go in, a Ready comes out
// that says what to write, send and apply. The algorithm is etcd's library behind a bridge; this
// class is its C++ face and does no I/O, waits for nothing and knows no time but ticks.
//
// A driver takes one Ready, makes its entries and votes durable, then sends what had to wait,
// applies what is committed and calls Advance. While a Ready is outstanding the node goes on
// ticking, stepping and proposing, and TakeOutbox lets out what need not wait. Rules that keep data
// are numbered in docs/invariants.md.
//
// One thread at a time for each node. A panic of the library is a bug: it aborts, unless the
// configuration takes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consensus/types.h"
#include "firn/result.h"

namespace firn {

// The log and state that a node has on disk, as Raft reads them. Called inside calls of Raft, on
// their thread; must not call it back. Holds what Advance has confirmed, at least.
class RaftStorage {
 public:
  virtual ~RaftStorage() = default;

  virtual HardState InitialState() = 0;
  virtual Membership InitialMembership() = 0;
  // Entries [low, high), as many as fit in `bytes_max` but one at least; none when `low` has been
  // trimmed.
  virtual std::vector<LogEntry> Entries(LogIndex low, LogIndex high, std::uint64_t bytes_max) = 0;
  // From FirstIndex() - 1 to LastIndex(); 0 outside.
  virtual Term TermAt(LogIndex index) = 0;
  virtual LogIndex FirstIndex() = 0;
  virtual LogIndex LastIndex() = 0;
  // For a peer that is behind FirstIndex(). Nothing when there is none yet, or none that lists the
  // newest learner: Raft asks again.
  virtual std::optional<StateSnapshot> Snapshot() = 0;
};

struct RaftConfig {
  NodeId id;
  LogIndex applied;        // What the state machine has; entries up to it are not given again.
  std::uint64_t seed = 0;  // Of election timeouts.
  std::uint64_t election_ticks = 10;
  std::uint64_t heartbeat_ticks = 1;
  std::uint64_t message_bytes_max = std::uint64_t{1} << 20;
  std::uint64_t uncommitted_bytes_max = std::uint64_t{8} << 20;  // Proposals above it are dropped.
  std::uint64_t committed_bytes_max = std::uint64_t{8} << 20;    // Of one Ready.
  std::uint64_t inflight_messages_max = 8;
  // Takes the text of a panic, after which the node does nothing any more. Null: abort.
  std::function<void(std::string_view)> on_panic;
};

enum class RaftRole : std::uint8_t {
  kFollower = 0,
  kCandidate = 1,
  kLeader = 2,
  kPreCandidate = 3,
};

// "leader"
std::string_view Name(RaftRole role);

// Those that a driver has to tell apart; others exist.
enum class RaftMessageKind : std::uint8_t {
  kAppend = 3,
  kAppendReply = 4,
  kVote = 5,
  kVoteReply = 6,
  kSnapshot = 7,
  kHeartbeat = 8,
  kHeartbeatReply = 9,
  kTimeoutNow = 14,
  kReadIndex = 15,
  kReadIndexReply = 16,
  kPreVote = 17,
  kPreVoteReply = 18,
};

struct RaftMessage {
  RaftMessageKind kind{};
  NodeId to;
  Term term;
  LogIndex index;
  std::string bytes;  // What the other side steps.
};

struct RaftState {
  HardState hard;
  NodeId leader;  // 0: unknown.
  RaftRole role = RaftRole::kFollower;
};

struct ReadState {
  LogIndex index;  // A read asked for with this context may be answered once this is applied.
  std::string context;
};

// What to do, in this order: snapshot, entries, hard state, sync, then the messages that had to
// wait, then apply.
struct Ready {
  RaftState state;                // hard.commit may lie beyond what is durable here: see I-R1.
  std::vector<LogEntry> entries;  // To append; the first may overwrite the end of the log.
  std::vector<RaftMessage> messages;
  std::vector<ReadState> read_states;
  LogIndex committed_first;  // To apply; 0 when nothing.
  LogIndex committed_last;
  std::optional<StateSnapshot> snapshot;  // To install in place of the log.
};

// What has come while a Ready is outstanding.
struct Outbox {
  RaftState state;
  std::vector<RaftMessage> messages;
  std::vector<ReadState> read_states;
};

// How far a leader knows a peer to be.
struct PeerProgress {
  NodeId id;
  LogIndex match;
  LogIndex next;
  LogIndex pending_snapshot;  // 0: none.
  bool is_learner = false;
  bool recently_active = false;
};

struct RaftStatus {
  RaftState state;
  LogIndex applied;
  NodeId transferee;                // 0: no transfer goes on.
  std::vector<PeerProgress> peers;  // Of a leader, itself included; by id.
};

class Raft {
 public:
  // Takes up where the storage stands, which must outlive the node. kCorruption when that state is
  // one that no node can be in.
  static Result<std::unique_ptr<Raft>> Start(const RaftConfig& config, RaftStorage& storage);
  ~Raft();
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  void Tick();
  void Campaign();

  // What a peer sent. kInvalidArgument for bytes that no peer sends.
  Result<void> Step(std::string_view message);

  // Appends to the leader's log. False: it was not appended and never will be. True: it may be
  // committed, or lost with the leadership.
  bool Propose(std::string_view data);
  // The same. A change while another is unapplied becomes an empty entry.
  bool ProposeChange(const MembershipChange& change);
  // To be called when a membership entry is applied. Returns the membership after it.
  Membership ApplyChange(const MembershipChange& change);

  // Asks for a read index. Dropped silently without a leader. The context must never have been used
  // by any node before (I-R7).
  void ReadIndex(std::string_view context);

  void TransferLeadership(NodeId to);
  void ReportUnreachable(NodeId peer);
  void ReportSnapshot(NodeId peer, bool installed);

  bool HasReady();
  // No Ready may be outstanding; this one is until Advance. The commit index of messages is lowered
  // to `durable_last`, the last entry that is synced here.
  Ready TakeReady(LogIndex durable_last);
  // One must be outstanding.
  Outbox TakeOutbox(LogIndex durable_last);
  void Advance();

  RaftStatus Status();
  bool panicked() const { return panicked_; }

 private:
  class StorageCalls;
  explicit Raft(RaftConfig config);
  bool Done(std::int32_t status);
  void Panicked();

  std::uint64_t handle_ = 0;
  std::function<void(std::string_view)> on_panic_;
  std::unique_ptr<StorageCalls> storage_;
  bool panicked_ = false;
};

// The change in the data of a membership entry. kCorruption when it is none.
Result<MembershipChange> DecodeMembershipChange(std::string_view data);

// What kind of message the bytes are; nothing when that cannot be told.
std::optional<RaftMessageKind> PeekKind(std::string_view message);

// The snapshot that a kSnapshot message carries. kInvalidArgument when it carries none.
Result<StateSnapshot> DecodeSnapshotMessage(std::string_view message);

// First in main, before threads are started: those that the bridge needs have been.
void LeaveBridgeStart();

// Runs `body` on this thread inside the bridge's runtime, where calls of Raft cost a tenth.
void RunInsideBridge(const std::function<void()>& body);

}  // namespace firn
