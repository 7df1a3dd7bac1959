// SPDX-License-Identifier: Apache-2.0
//
// The nouns of Raft (Ongaro and Ousterhout 2014, figure 2), as all of consensus and replica use
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/strong_id.h"

namespace firn {

using NodeId = StrongId<struct NodeTag>;        // 0 is nobody. Never used again once removed.
using Term = StrongId<struct TermTag>;          // 0 is before the first.
using LogIndex = StrongId<struct LogIndexTag>;  // The first entry that is ever written has index 2.

// What a node must have on disk before it answers.
struct HardState {
  Term term;
  NodeId vote;      // 0: none in this term.
  LogIndex commit;  // May lag.

  friend bool operator==(const HardState&, const HardState&) = default;
};

// Who takes part. Voters decide; learners follow.
struct Membership {
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;

  friend bool operator==(const Membership&, const Membership&) = default;
};

enum class EntryKind : std::uint8_t {
  kData = 0,        // What was proposed; empty at the start of a leader's term.
  kMembership = 1,  // DecodeMembershipChange tells what.
};

struct LogEntry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::kData;
  std::string data;

  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// One node at a time: joint changes are refused (docs/invariants.md).
struct MembershipChange {
  enum class Kind : std::uint8_t { kAddVoter = 0, kRemove = 1, kAddLearner = 3 };

  Kind kind = Kind::kAddVoter;
  NodeId node;
  std::string context;  // Travels with the change. Opaque to Raft.

  friend bool operator==(const MembershipChange&, const MembershipChange&) = default;
};

// Stands for the log up to an index.
struct StateSnapshot {
  LogIndex index;
  Term term;
  Membership membership;  // At that index.
  std::string data;       // Opaque to Raft.

  friend bool operator==(const StateSnapshot&, const StateSnapshot&) = default;
};

}  // namespace firn
