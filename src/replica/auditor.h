// SPDX-License-Identifier: Apache-2.0
//
// Finds a node whose state has left the others'. Two sums are compared at equal indexes: the
// rolling checksum of every entry and what became of it, often; and the hash of every row of the
// store, which also sees what a broken disk or memory did to data at rest, now and then. Nodes tell
// each other theirs. A node that a majority of the voters disagrees with stops itself; where no sum
// has a majority, nobody is known to be right and all stop.
//
// Belongs to the driver's thread; the rows are read by a lane.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "replica/errand.h"
#include "replica/peer_message.h"
#include "replica/state_machine.h"

namespace firn {

struct AuditSum {
  enum class Kind : std::uint8_t { kHistory = 1, kRows = 2 };

  Kind kind = Kind::kHistory;
  LogIndex index;
  std::uint64_t sum = 0;

  friend bool operator==(const AuditSum&, const AuditSum&) = default;
};
std::string Encode(const AuditSum& sum);
// kCorruption.
Result<AuditSum> DecodeAuditSum(std::string_view bytes);

// Of all keys, values and revisions that the snapshot sees. Revisions count although clients rarely
// see them: conditional writes are decided by them. Compaction leaves them as they are. Reads every
// table once, past the cache. kCorruption, kIo.
Result<std::uint64_t> HashRows(const Engine& engine, const Snapshot& snapshot);

class Auditor {
 public:
  struct Setup {
    NodeId node;
    PeerSender& peers;
    Scheduler& scheduler;
    std::uint64_t history_interval = 1'024;  // Entries.
    std::uint64_t rows_interval = 1 << 20;   // Entries.
    std::function<void()> wake;
  };

  explicit Auditor(Setup setup);

  // An entry has been applied.
  void NoteApplied(const StateMachine& machine);
  void Receive(NodeId from, const AuditSum& sum);
  // Compares what is known. kCorruption: this node must stop; the text says with whom it disagrees.
  Result<void> Turn(const Membership& membership);

 private:
  using Key = std::pair<LogIndex, AuditSum::Kind>;

  void Announce(const AuditSum& sum, const Membership& membership);
  Result<void> Compare(const Key& key, const std::map<NodeId, std::uint64_t>& sums,
                       const Membership& membership) const;

  const Setup setup_;
  std::map<Key, std::map<NodeId, std::uint64_t>> sums_;  // By node; of the newest points only.
  std::vector<AuditSum> to_announce_;
  LogIndex hashing_;
  bool has_news_ = false;
  Errand<Result<std::uint64_t>> hash_;
};

}  // namespace firn
