// SPDX-License-Identifier: Apache-2.0
#include "server/peer/peer_queues.h"

#include <utility>

namespace firn {

void PeerQueues::SetMembers(std::set<NodeId> members) {
  MutexLock lock(mutex_);
  members_ = std::move(members);
  FitPeers();
}

void PeerQueues::SetStrangers(std::set<NodeId> strangers) {
  MutexLock lock(mutex_);
  strangers_ = std::move(strangers);
  FitPeers();
}

void PeerQueues::FitPeers() {
  std::erase_if(peers_, [&](const auto& entry) FIRN_REQUIRES(mutex_) {
    return !members_.contains(entry.first) && !strangers_.contains(entry.first);
  });
  for (const std::set<NodeId>* peers : {&members_, &strangers_}) {
    for (const NodeId peer : *peers) {
      peers_.try_emplace(peer, Peer{.queue = SendQueue(limits_)});
    }
  }
}

PeerQueues::PushResult PeerQueues::Add(Push push) {
  MutexLock lock(mutex_);
  const auto found = peers_.find(push.to);
  if (found == peers_.end()) {
    return {.pushed = Pushed::kUnknownPeer};
  }
  Peer& peer = found->second;
  const bool is_taken = peer.queue.Push(push.send_class, std::move(push.frame));
  peer.is_touched = true;
  peer.has_lost = peer.has_lost || (!is_taken && push.send_class == SendClass::kUrgent);
  return {.pushed = is_taken ? Pushed::kTaken : Pushed::kFull,
          .is_first = !std::exchange(is_touched_, true)};
}

std::vector<PeerQueues::Touched> PeerQueues::TakeTouched() {
  MutexLock lock(mutex_);
  is_touched_ = false;
  std::vector<Touched> touched;
  for (auto& [id, peer] : peers_) {
    if (std::exchange(peer.is_touched, false)) {
      touched.push_back({.peer = id, .has_lost = std::exchange(peer.has_lost, false)});
    }
  }
  return touched;
}

void PeerQueues::Take(NodeId peer, std::size_t bytes, std::deque<std::string>& frames) {
  MutexLock lock(mutex_);
  const auto found = peers_.find(peer);
  if (found != peers_.end()) {
    found->second.queue.Take(bytes, frames);
  }
}

std::size_t PeerQueues::Clear(NodeId peer) {
  MutexLock lock(mutex_);
  const auto found = peers_.find(peer);
  return found == peers_.end() ? 0 : found->second.queue.Clear();
}

}  // namespace firn
