// SPDX-License-Identifier: Apache-2.0
//
// Defects that the simulation of a cluster has to find, so that its silence means something. No
// option of the server reaches them: a test sets DriverConfig::defect.
#pragma once

#include <cstdint>

namespace firn {

enum class PlantedDefect : std::uint8_t {
  kNone,
  kReplyBeforeSync,           // Messages do not wait for the write they speak of.
  kNoCommitClamp,             // What a majority has is committed before it is durable here.
  kVoteNotWritten,            // Term and vote stay in memory.
  kReadWithoutQuorum,         // A read asks nobody.
  kReadContextReused,         // All rounds have one context.
  kMembershipNotFlushed,      // The flushed state keeps the membership of the start.
  kSnapshotOlderThanLearner,  // A checkpoint is given that does not list who gets it.
  kTickDuringInstall,         // The election timer runs while a state snapshot is pending.
  kLocalRevisions,            // Revisions depend on how often the node was started.
  kSessionRecreated,          // A session that is not known is taken for a new one.
  kSessionsNotInSnapshot,     // A store that has come from another node has forgotten sessions.
  kAppliedTwice,              // The first entry after a restart is applied twice.
  kCommittedTruncated,        // The last entry of the log is dropped by a restart.
  kTrimmedUnderTransfer,      // The log is trimmed while a peer gets the checkpoint before it.
};

}  // namespace firn
