// SPDX-License-Identifier: Apache-2.0
//
// Reads that need no entry in the log (Raft dissertation §6.4). A linearizable read asks the leader
// for its commit index, which the leader confirms with a round of heartbeats, and waits until that
// is applied here; one round serves all who asked before it began. A stale read is content with a
// state that was the newest so many milliseconds ago: a round that began no longer ago, whose index
// is applied, is the leader's word for that, whatever the network did to messages meanwhile.
//
// Belongs to the driver's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "consensus/raft.h"
#include "replica/gathering.h"
#include "replica/requests.h"

namespace firn {

class ReadRounds {
 public:
  using Reply = std::function<void(Fate)>;
  struct Setup {
    NodeId node;
    std::uint64_t boot = 0;
    std::uint64_t patience_ticks = 10;  // With one round; another is tried then.
    bool reuses_contexts = false;       // A planted defect.
    bool gathers = false;               // The first of many waits (gathering.h).
  };
  // Where the node stands in its cluster.
  struct Standing {
    Term term;
    NodeId leader;  // 0: unknown.
  };

  explicit ReadRounds(Setup setup) : setup_(setup), gathering_(setup.gathers) {}
  ~ReadRounds();
  ReadRounds(const ReadRounds&) = delete;
  ReadRounds& operator=(const ReadRounds&) = delete;

  void Add(Reply reply) { new_.push_back(std::move(reply)); }
  // Answers at once where a round that is young enough is known, and else after another one.
  void AddStale(std::uint64_t age_ms_max, LogIndex applied, const Reply& reply);

  // How many more reads the first round waits for; 0: none.
  std::size_t gathering_count() const { return round_ ? 0 : gathering_.Missing(new_.size(), 0); }
  void EndGathering() { gathering_.End(); }

  // Contexts are unique for ever (I-R7): what has come of one round is never taken for another's.
  // Returns the context of a round to ask Raft for now.
  std::optional<std::string> StartRound(const Standing& standing);
  // What Raft has confirmed. `index_max`: nothing above that index was shown to anybody, so that no
  // read has to wait for more.
  void Take(const std::vector<ReadState>& states, LogIndex index_max);
  // Answers those whose index is applied.
  void Answer(LogIndex applied);

  void Tick(std::uint64_t elapsed_ms);

 private:
  struct Round {
    std::string context;
    Standing standing;
    std::uint64_t ticks = 0;
    std::uint64_t began_ms = 0;
    std::vector<Reply> replies;
  };
  struct Confirmed {
    LogIndex index;
    std::vector<Reply> replies;
  };
  // At this index the store held all that was acknowledged anywhere until then, on this clock.
  struct Known {
    LogIndex index;
    std::uint64_t at_ms = 0;
  };

  const Setup setup_;
  Gathering gathering_;
  std::uint64_t now_ms_ = 0;  // Since the start; ticks are added up.
  std::uint64_t contexts_ = 0;
  std::vector<Reply> new_;
  std::uint64_t new_ticks_ = 0;  // For which nothing could be asked for them.
  std::optional<Round> round_;
  std::deque<Confirmed> confirmed_;
  std::deque<Known> known_;  // Ascending in both; the oldest that may still matter first.
};

}  // namespace firn
