// SPDX-License-Identifier: Apache-2.0
//
// A group becomes one batch. What its commands see of each other is kept beside the batch, since
// the engine sees none of it before the end: keys written so far, for conditions, and results
// remembered so far, for a request that is in the group twice.
#include "replica/state_machine.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/propagate.h"
#include "storage/wal/operations.h"

namespace firn {

struct StateMachine::Group {
  struct Written {
    std::optional<std::string_view> value;  // Nothing: deleted.
    std::uint64_t revision = 0;
  };

  std::uint64_t NextRevision() const { return first_revision + count; }
  std::uint64_t LastRevision() const { return first_revision + count - 1; }

  std::uint64_t first_revision = 0;
  std::uint64_t count = 0;  // Operations so far.
  std::string operations;
  bool has_conditions = false;
  // Only kept for a group that has conditions. Views of the entry.
  std::unordered_map<std::string_view, Written> written;
};

Result<std::unique_ptr<StateMachine>> StateMachine::Open(std::shared_ptr<Engine> engine,
                                                         const ReplicaState& initial) {
  const AppliedPoint applied = engine->Applied();
  ReplicaState state = initial;
  if (applied.state.empty()) {
    FIRN_TRY(engine->NoteApplied({.index = initial.index.value, .state = Encode(initial)}));
    FIRN_TRY_ASSIGN(const FlushResult flushed, engine->Flush());
    static_cast<void>(flushed);
  } else {
    FIRN_TRY_ASSIGN(state, DecodeReplicaState(applied.state));
    if (state.index.value != applied.index) {
      return Error{ErrorCode::kCorruption,
                   "replica state: is of index " + std::to_string(state.index.value) +
                       ", the tables are of " + std::to_string(applied.index)};
    }
  }
  FIRN_TRY_ASSIGN(SessionTable sessions, SessionTable::Load(*engine));
  return std::unique_ptr<StateMachine>(
      new StateMachine(std::move(engine), std::move(sessions), std::move(state)));
}

Result<void> StateMachine::FlushWithMinLogSegment(WalNumber segment) {
  state_.min_log_segment = segment;
  FIRN_TRY(engine_->NoteApplied({.index = state_.index.value, .state = Encode(state_)}));
  FIRN_TRY_ASSIGN(const FlushResult flushed, engine_->Flush());
  static_cast<void>(flushed);
  return {};
}

Result<StateMachine::Applied> StateMachine::Apply(const LogEntry& entry) {
  FIRN_CHECK(entry.index == state_.index.Next(), entry.index, state_.index);
  Applied applied;
  const std::uint64_t shift =
      defect_ == PlantedDefect::kLocalRevisions ? applied_in_this_life_ % 8 : 0;
  Group group{.first_revision = (entry.index.value << kOrdinalBits) + shift,
              .count = 0,
              .operations = {},
              .has_conditions = false,
              .written = {}};
  if (!entry.data.empty()) {
    FIRN_TRY_ASSIGN(const GroupHeader header, VisitGroup(entry.data, [&](const Command& command) {
                      group.has_conditions =
                          group.has_conditions || command.condition.kind != Condition::Kind::kNone;
                      return Result<void>();
                    }));
    applied.proposal = header.proposal;
    state_.clock_ms += std::min(header.elapsed_ms, kElapsedMax);
    const auto run = [&](const Command& command) -> Result<void> {
      FIRN_TRY_ASSIGN(const Outcome outcome, Run(command, group));
      applied.outcomes.push_back(outcome);
      return {};
    };
    FIRN_TRY(VisitGroup(entry.data, run));
    if (defect_ == PlantedDefect::kAppliedTwice && applied_in_this_life_ == 0) {
      applied.outcomes.clear();
      FIRN_TRY(VisitGroup(entry.data, run));
    }
    group.count += sessions_.Expire(state_.clock_ms, group.operations);
  }
  FIRN_CHECK(group.count < std::uint64_t{1} << kOrdinalBits, group.count);
  Advance(entry, applied);
  const std::string state = EncodeState();
  if (group.count == 0) {
    FIRN_TRY(engine_->NoteApplied({.index = entry.index.value, .state = state}));
    return applied;
  }
  const ReplicaWrite replica{.first_sequence = {group.first_revision}, .state = state};
  CommitRequest request;
  request.operations = group.operations;
  request.operation_count = group.count;
  request.replica = &replica;
  request.may_wait = false;
  WriteOptions options;
  options.applied_index = entry.index.value;
  FIRN_TRY(engine_->Write(request, options));
  sessions_.GroupWritten();
  return applied;
}

Result<Outcome> StateMachine::Run(const Command& command, Group& group) {
  if (command.kind == Command::Kind::kOpenSession) {
    const std::uint64_t id = group.NextRevision();
    group.count += sessions_.Open(id, state_.clock_ms, group.operations);
    return Outcome{.code = Outcome::Code::kApplied, .revision = id};
  }
  if (command.kind == Command::Kind::kCloseSession) {
    const std::uint64_t closed = sessions_.Close(command.tag.session, group.operations);
    group.count += closed;
    return Outcome{.code = closed > 0 ? Outcome::Code::kApplied : Outcome::Code::kUnknownSession,
                   .revision = group.LastRevision()};
  }
  if (command.tag.session != 0) {
    FIRN_TRY_ASSIGN(const SessionTable::Judgement judgement, sessions_.Judge(command.tag));
    const bool is_taken_for_new =
        defect_ == PlantedDefect::kSessionRecreated &&
        judgement.remembered == Outcome{.code = Outcome::Code::kUnknownSession, .revision = 0};
    if (is_taken_for_new) {
      group.count += sessions_.Open(command.tag.session, state_.clock_ms, group.operations);
    } else if (!judgement.is_new) {
      return *judgement.remembered;
    }
  }
  FIRN_TRY_ASSIGN(const bool holds, Holds(command.condition, group));
  const Outcome outcome =
      holds ? Write(command, group)
            : Outcome{.code = Outcome::Code::kConditionFailed, .revision = group.LastRevision()};
  if (command.tag.session != 0) {
    group.count += sessions_.Remember(command.tag, outcome, state_.clock_ms, group.operations);
  }
  return outcome;
}

Result<bool> StateMachine::Holds(const Condition& condition, const Group& group) const {
  if (condition.kind == Condition::Kind::kNone) {
    return true;
  }
  std::optional<std::string> value;
  std::uint64_t revision = 0;
  if (const auto found = group.written.find(condition.key); found != group.written.end()) {
    value = found->second.value;
    revision = found->second.revision;
  } else {
    FIRN_TRY_ASSIGN(TracedRead read, engine_->Get(condition.key, {}));
    value = std::move(read.value);
    revision = read.sequence.value;
  }
  switch (condition.kind) {
    case Condition::Kind::kAbsent: return !value.has_value();
    case Condition::Kind::kValue: return value == condition.value;
    case Condition::Kind::kRevision: return value && revision == condition.revision;
    case Condition::Kind::kNone: break;
  }
  return true;
}

Outcome StateMachine::Write(const Command& command, Group& group) {
  const Result<void> visited =
      VisitOperations(command.operations, [&](const BatchOperation& operation) -> Result<void> {
        if (group.has_conditions) {
          group.written[operation.key] = {
              .value = operation.kind == Kind::kPut ? std::optional(operation.value) : std::nullopt,
              .revision = group.NextRevision()};
        }
        ++group.count;
        return {};
      });
  FIRN_CHECK(visited.has_value());  // Decoding the group has checked them.
  group.operations += command.operations;
  return {.code = Outcome::Code::kApplied, .revision = group.LastRevision()};
}

Result<void> StateMachine::ApplyChange(const LogEntry& entry, const MembershipChange& change,
                                       const Membership& membership) {
  FIRN_CHECK(entry.index == state_.index.Next(), entry.index, state_.index);
  if (change.kind == MembershipChange::Kind::kRemove) {
    state_.members.erase(change.node);
  } else if (!change.context.empty()) {
    FIRN_TRY_ASSIGN(state_.members[change.node], DecodeMember(change.context));
    state_.largest_node = std::max(state_.largest_node, change.node);
  }
  state_.membership = membership;
  Advance(entry, {});
  return engine_->NoteApplied({.index = entry.index.value, .state = EncodeState()});
}

std::string StateMachine::EncodeState() const {
  if (defect_ != PlantedDefect::kMembershipNotFlushed) {
    return Encode(state_);
  }
  ReplicaState state = state_;
  state.membership = membership_at_start_;
  return Encode(state);
}

void StateMachine::Plant(PlantedDefect defect) {
  defect_ = defect;
  membership_at_start_ = state_.membership;
}

void StateMachine::ForgetSessions() { sessions_ = SessionTable(*engine_); }

// Nodes that applied the same entries with the same outcomes have the same checksum, and nearly
// never otherwise.
void StateMachine::Advance(const LogEntry& entry, const Applied& applied) {
  std::uint64_t sum = Mix64(state_.checksum, entry.index.value);
  sum = Mix64(sum, entry.term.value);
  sum = Mix64(sum, Hash64(entry.data));
  for (const Outcome& outcome : applied.outcomes) {
    sum = Mix64(sum, static_cast<std::uint64_t>(outcome.code));
    sum = Mix64(sum, outcome.revision);
  }
  state_.checksum = sum;
  state_.index = entry.index;
  state_.term = entry.term;
  ++applied_in_this_life_;
}

}  // namespace firn
