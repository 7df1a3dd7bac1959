// SPDX-License-Identifier: Apache-2.0
//
// The queues of all peers, between the thread that sends and the thread of the wire. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/peer/send_queue.h"

namespace firn {

class PeerQueues {
 public:
  explicit PeerQueues(const SendQueueLimits& limits) : limits_(limits) {}

  enum class Pushed : std::uint8_t { kTaken, kUnknownPeer, kFull };
  struct Push {
    NodeId to;
    SendClass send_class{};
    std::string frame;
  };
  struct PushResult {
    Pushed pushed{};
    bool is_first = false;  // Since the last TakeTouched: whoever calls that has to be told.
  };
  struct Touched {
    NodeId peer;
    bool has_lost = false;  // An urgent frame found no room.
  };

  // Who can be sent to: members, and others that happen to be known. Queues of all others are
  // forgotten with what is in them.
  void SetMembers(std::set<NodeId> members) FIRN_EXCLUDES(mutex_);
  void SetStrangers(std::set<NodeId> strangers) FIRN_EXCLUDES(mutex_);
  PushResult Add(Push push) FIRN_EXCLUDES(mutex_);
  // The peers to whom something was added since the last call, taken or not.
  std::vector<Touched> TakeTouched() FIRN_EXCLUDES(mutex_);

  // As in SendQueue; nothing for a peer that is not known.
  void Take(NodeId peer, std::size_t bytes, std::deque<std::string>& frames) FIRN_EXCLUDES(mutex_);
  std::size_t Clear(NodeId peer) FIRN_EXCLUDES(mutex_);

 private:
  struct Peer {
    SendQueue queue;
    bool is_touched = false;
    bool has_lost = false;
  };

  void FitPeers() FIRN_REQUIRES(mutex_);

  const SendQueueLimits limits_;
  Mutex mutex_;
  std::set<NodeId> members_ FIRN_GUARDED_BY(mutex_);
  std::set<NodeId> strangers_ FIRN_GUARDED_BY(mutex_);
  std::map<NodeId, Peer> peers_ FIRN_GUARDED_BY(mutex_);
  bool is_touched_ FIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace firn
