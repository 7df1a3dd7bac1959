// SPDX-License-Identifier: Apache-2.0
#include "server/peer/send_queue.h"

#include <utility>

namespace firn {

SendClass ClassOf(PeerMessageKind kind) {
  switch (kind) {
    case PeerMessageKind::kRaft:
    case PeerMessageKind::kFetch:
    case PeerMessageKind::kInstalled:
    case PeerMessageKind::kAudit: return SendClass::kUrgent;
    case PeerMessageKind::kForward:
    case PeerMessageKind::kForwardReply:
    case PeerMessageKind::kChunk: return SendClass::kBulk;
  }
  return SendClass::kBulk;
}

bool SendQueue::Push(SendClass send_class, std::string frame) {
  const bool is_urgent = send_class == SendClass::kUrgent;
  Part& part = is_urgent ? urgent_ : bulk_;
  const std::size_t limit = is_urgent ? limits_.urgent_bytes_max : limits_.bulk_bytes_max;
  if (!part.frames.empty() && part.bytes + frame.size() > limit) {
    return false;
  }
  part.bytes += frame.size();
  part.frames.push_back(std::move(frame));
  return true;
}

std::size_t SendQueue::Take(std::size_t bytes, std::deque<std::string>& frames) {
  std::size_t taken = 0;
  for (Part* part : {&urgent_, &bulk_}) {
    while (taken < bytes && !part->frames.empty()) {
      taken += part->frames.front().size();
      part->bytes -= part->frames.front().size();
      frames.push_back(std::move(part->frames.front()));
      part->frames.pop_front();
    }
  }
  return taken;
}

std::size_t SendQueue::Clear() {
  const std::size_t count = urgent_.frames.size() + bulk_.frames.size();
  urgent_ = {};
  bulk_ = {};
  return count;
}

}  // namespace firn
