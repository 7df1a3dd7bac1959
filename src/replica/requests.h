// SPDX-License-Identifier: Apache-2.0
//
// What is asked of a replica, and what the caller is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/types.h"
#include "replica/member.h"
#include "replica/session_table.h"

namespace firn {

// Travels between nodes by its number (docs/protocol/peer.md, "Forwarding"): numbers stay as they
// are, for ever.
enum class Fate : std::uint8_t {
  kDone = 0,        // Applied, with an outcome; or, for a read, to be read now.
  kNotLeader = 1,   // Certainly not applied. The leader may be known.
  kOverloaded = 2,  // Certainly not applied: too much is waiting. Later.
  kUnknown = 3,     // Applied or not: leadership or the answer was lost before that was seen.
  kStopped = 4,     // The node has ended; like kUnknown.
  kTooStale = 5,    // Of a stale read: no state here is known to be as fresh as was asked.
  kRefused = 6,     // Certainly not applied: it makes no sense here. The reason is given.
  kFull = 7,        // Certainly not applied: the leader's disk has no space. Later.
};

// "not leader"
std::string_view Name(Fate fate);
// Nothing when no fate has the number.
std::optional<Fate> FateOf(std::uint8_t number);

struct CommandReply {
  Fate fate = Fate::kStopped;
  Outcome outcome;

  friend bool operator==(const CommandReply&, const CommandReply&) = default;
};

// A change of who takes part, one node at a time.
struct MembershipRequest {
  enum class Kind : std::uint8_t {
    kAdd,      // As a learner. For a directory that is a member already: answers its id.
    kPromote,  // A learner that has caught up gets its vote.
    kRemove,   // Never the last voter, and not the leader, which has to hand over first.
  };

  Kind kind = Kind::kAdd;
  NodeId node;    // kAdd: 0 lets the leader choose.
  Member member;  // Of kAdd.
};

struct MembershipReply {
  Fate fate = Fate::kStopped;
  NodeId node;         // kDone: whom it was about.
  std::string reason;  // kRefused: why, and what to do.
};

}  // namespace firn
