// SPDX-License-Identifier: Apache-2.0
//
// Gives peers that are too far behind a checkpoint of this node's store. There is one at a time: it
// is made when Raft first asks for it, serves all peers, and is made anew when it has become too
// old: when the log no longer continues it, or when the membership has changed since (a learner
// ignores a state that does not list it, I-R5). Its tables are hard links, so it costs little until
// compaction has replaced them.
//
// While a peer is served, the log after the checkpoint is kept, and then until the peer has caught
// up. A peer of which nothing is heard for a while is given up: Raft is told, or it would wait for
// ever. One thread, but for the file work, which lanes do.
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
#include "replica/errand.h"
#include "replica/node_directory.h"
#include "replica/peer_message.h"
#include "replica/state_transfer.h"

namespace firn {

class CheckpointSource {
 public:
  struct Setup {
    FileSystem& files;
    Scheduler& scheduler;
    std::string directory;  // The node's.
    PeerSender& peers;
    std::uint64_t first_id = 0;  // Ids count up from here; unique for ever (DriverConfig::boot).
    std::uint64_t patience_ticks = 100;
    std::function<void()> wake;
  };
  explicit CheckpointSource(Setup setup);

  // The state to send to a peer now; nothing while it is being made. `first_index` and
  // `newest_change` say how old it may be: the log's first entry, the last change of the
  // membership.
  std::optional<StateSnapshot> Get(const std::shared_ptr<Engine>& engine, LogIndex first_index,
                                   LogIndex newest_change);
  // Raft has told a peer of it.
  void NoteSent(NodeId peer);
  void Receive(NodeId from, const FetchRequest& request);
  // True when the report is about what the peer is being given: Raft is to be told.
  bool Receive(NodeId from, const Installed& installed);
  // How far the peers are, as Raft knows it.
  void NoteProgress(const std::vector<PeerProgress>& peers, LogIndex far_enough);

  // Peers that are given up. Raft is to be told that they did not get it.
  std::vector<NodeId> Tick();
  // Sends what lanes have read.
  void Turn();

  // Entries after it must be kept. Nothing: no peer needs any.
  std::optional<LogIndex> pinned() const;
  bool is_serving() const { return !served_.empty(); }
  // The peer was told of a checkpoint and has not reported it in place.
  bool IsAwaitedBy(NodeId peer) const {
    const auto served = served_.find(peer);
    return served != served_.end() && !served->second.is_in_place;
  }

 private:
  struct Checkpoint {
    std::uint64_t id = 0;
    StateSnapshot state;
    std::string listing;
  };
  struct Served {
    std::uint64_t checkpoint = 0;
    LogIndex index;  // Of the checkpoint, and then of what the peer has.
    bool is_in_place = false;
    std::uint64_t idle_ticks = 0;
  };
  struct Question {
    NodeId from;
    FetchRequest request;
  };

  std::string PathOf(std::uint64_t id) const;
  Result<Checkpoint> Make(const std::shared_ptr<Engine>& engine, std::uint64_t id) const;
  void AnswerQuestions();
  Chunk ReadChunk(const FetchRequest& request) const;
  void SendChunk(NodeId to, const Chunk& chunk);
  void RemoveUnused();

  const Setup setup_;
  std::uint64_t ids_ = 0;
  std::optional<Checkpoint> current_;
  std::uint64_t unused_ticks_ = 0;
  std::map<NodeId, Served> served_;
  std::deque<Question> questions_;
  NodeId asker_;  // Of the question that is being answered.
  std::vector<std::uint64_t> to_remove_;
  Errand<Result<Checkpoint>> making_;
  Errand<Chunk> answering_;
  Errand<Result<void>> removing_;
};

}  // namespace firn
