// SPDX-License-Identifier: Apache-2.0
//
// Applies committed entries to the engine, one after another: the same entries give the same store
// on every node, with the same revisions. The revision of an operation is its entry's index << 16 |
// its place in the entry, and is the sequence number that the engine stores it under. An entry is
// one write to the memtable; nothing waits for a disk but a condition whose key is not cached.
//
// What the node must know at a flushed index besides the store itself, the ReplicaState, goes with
// every write and so into every flush (I-R4). One thread; reads of the engine from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "consensus/types.h"
#include "firn/result.h"
#include "replica/command.h"
#include "replica/member.h"
#include "replica/planted_defect.h"
#include "replica/session_table.h"
#include "storage/engine/engine.h"

namespace firn {

// All that a node remembers of its log's past, as of one index.
struct ReplicaState {
  LogIndex index;
  Term term;
  Membership membership;
  std::map<NodeId, Member> members;  // Of the membership.
  NodeId largest_node;               // That was ever a member: ids are never used again (I-R8).
  std::uint64_t clock_ms = 0;        // Replicated: the sum of what leaders saw pass.
  std::uint64_t checksum = 0;        // Of every entry applied and what became of it.
  WalNumber min_log_segment{1};      // This node's own: see RaftLogSetup::min_live.

  friend bool operator==(const ReplicaState&, const ReplicaState&) = default;
};
std::string Encode(const ReplicaState& state);
// kCorruption, kUnsupported.
Result<ReplicaState> DecodeReplicaState(std::string_view bytes);

inline constexpr int kOrdinalBits = 16;

class StateMachine {
 public:
  // Takes up where the engine's tables stand. An engine without a state is given `initial`,
  // durably. The engine has its WAL off and no other writer.
  static Result<std::unique_ptr<StateMachine>> Open(std::shared_ptr<Engine> engine,
                                                    const ReplicaState& initial);

  struct Applied {
    std::uint64_t proposal = 0;     // 0: the entry carries no group.
    std::vector<Outcome> outcomes;  // Of its commands.
  };
  // The next entry, a kData one. An error ends the node: it can neither skip the entry nor go on.
  Result<Applied> Apply(const LogEntry& entry);
  // The next entry, a kMembership one, and the membership after it. A change that the core refused
  // changes nothing but the index.
  Result<void> ApplyChange(const LogEntry& entry, const MembershipChange& change,
                           const Membership& membership);

  void Plant(PlantedDefect defect);
  void ForgetSessions();  // For a planted defect.

  // False while memtables are full: applying waits, in the log, until a flush has made room.
  bool HasRoom() const { return engine_->HasRoom(); }

  const ReplicaState& state() const { return state_; }
  // Goes with the next flush.
  void SetMinLogSegment(WalNumber segment) { state_.min_log_segment = segment; }
  // Makes it durable at once, in a store that has come from another node. Blocks on the disk.
  Result<void> FlushWithMinLogSegment(WalNumber segment);
  // As of the tables.
  Result<ReplicaState> Flushed() const { return DecodeReplicaState(engine_->Applied().state); }

  Engine& engine() const { return *engine_; }
  const std::shared_ptr<Engine>& shared_engine() const { return engine_; }
  const SessionTable& sessions() const { return sessions_; }

 private:
  struct Group;

  StateMachine(std::shared_ptr<Engine> engine, SessionTable sessions, ReplicaState state)
      : engine_(std::move(engine)), sessions_(std::move(sessions)), state_(std::move(state)) {}

  Result<Outcome> Run(const Command& command, Group& group);
  Result<bool> Holds(const Condition& condition, const Group& group) const;
  Outcome Write(const Command& command, Group& group);
  void Advance(const LogEntry& entry, const Applied& applied);
  // What is to be remembered with the writes up to now.
  std::string EncodeState() const;

  std::shared_ptr<Engine> engine_;
  SessionTable sessions_;
  ReplicaState state_;

  PlantedDefect defect_ = PlantedDefect::kNone;
  std::uint64_t applied_in_this_life_ = 0;  // Entries; for planted defects.
  Membership membership_at_start_;          // The same.
};

}  // namespace firn
