// SPDX-License-Identifier: Apache-2.0
//
// Brings the checkpoint that a snapshot message names to this node and makes it a store that is
// ready to take the place of the present one; until then nothing of the node changes and Raft has
// not seen the message. Parts are asked for in order, several ahead, and again when they do not
// come; each carries a checksum, and the whole is opened and verified before it counts. Tables that
// an earlier, unfinished fetch brought are not asked for a second time, also when the node was
// started again meanwhile: what lies in stores that nothing refers to is looked through then.
//
// One thread, but for the file work, which a lane does.
#pragma once

#include <cstdint>
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

class CheckpointFetcher {
 public:
  struct Setup {
    const NodeSetup& node;  // Outlives the fetcher.
    PeerSender& peers;
    std::uint64_t first_store = 0;       // Stores are numbered from here.
    std::uint64_t resend_ticks = 10;     // Parts that have not come by then are asked for again.
    std::uint64_t patience_ticks = 200;  // Without any part for so long, it is given up.
    std::uint64_t kept_ticks = 1'200;    // What a fetch left is removed when none needs it by then.
    std::function<void()> wake;
  };
  // A store that holds the state of the snapshot.
  struct Fetched {
    NodeId from;
    std::uint64_t checkpoint = 0;
    std::string message;  // To be given to Raft now.
    StateSnapshot state;
    std::uint64_t store = 0;  // Its number.
    std::unique_ptr<StateMachine> machine;
  };

  explicit CheckpointFetcher(Setup setup);
  ~CheckpointFetcher();

  // A snapshot message has come. One that is about the checkpoint being fetched takes the place of
  // the message that began it; one about another is dropped: it comes again.
  void Begin(NodeId from, std::string message, const StateSnapshot& state);
  void Receive(NodeId from, const Chunk& chunk);
  void Tick();
  // Goes on with what lanes have done. What is returned is the caller's, who installs it or says
  // that it is unwanted.
  std::optional<Fetched> Turn();
  // Raft did not want it.
  void ReportUnwanted(const Fetched& fetched) { Report(fetched.from, fetched.checkpoint, false); }
  // It is in place.
  void ReportInstalled(const Fetched& fetched) { Report(fetched.from, fetched.checkpoint, true); }
  // Removes a store that is no longer in use.
  void Remove(std::uint64_t store);

  bool is_fetching() const { return fetch_ != nullptr; }

 private:
  struct Fetch;
  struct Kept {
    std::string path;
    std::uint64_t size = 0;
    std::uint32_t mark = 0;
  };
  using KeptFiles = std::map<std::string, Kept>;  // By name.

  bool is_busy() const {
    return writing_.is_under_way() || preparing_.is_under_way() || looking_.is_under_way();
  }
  void LookForKept();
  void Ask();
  void TakeListing(bool is_whole);
  void GoOn();
  void MakeStore();
  void EndFile();
  void Prepare();
  Fetched Finish(std::unique_ptr<StateMachine> machine);
  void GiveUp();
  void Abandon();
  void ForgetKept();
  void Report(NodeId to, std::uint64_t checkpoint, bool is_in_place);
  void RemoveUnused();

  const Setup setup_;
  std::uint64_t stores_ = 0;
  std::unique_ptr<Fetch> fetch_;
  // Files that fetches before had brought, and the stores they are in.
  KeptFiles kept_;
  std::vector<std::uint64_t> kept_stores_;
  std::uint64_t unneeded_ticks_ = 0;  // Since a fetch was under way.
  bool has_looked_ = false;           // At what an earlier life has left.
  std::vector<std::uint64_t> to_remove_;
  Errand<KeptFiles> looking_;
  Errand<Result<void>> writing_;
  Errand<Result<std::unique_ptr<StateMachine>>> preparing_;
  Errand<Result<void>> removing_;
};

}  // namespace firn
