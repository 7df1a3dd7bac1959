// SPDX-License-Identifier: Apache-2.0
//
// What waits to be sent to one peer: frames, ready for the wire. Those of Raft go first, and are
// few and small; what moves clients' commands and checkpoints goes after them. Each class has a
// bound in bytes of its own, above which frames are refused: whoever needs them asks again. A frame
// that finds its class empty is always taken, so that none is too large for its queue. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "replica/peer_message.h"

namespace firn {

enum class SendClass : std::uint8_t { kUrgent = 0, kBulk = 1 };

SendClass ClassOf(PeerMessageKind kind);

struct SendQueueLimits {
  std::size_t urgent_bytes_max = 0;
  std::size_t bulk_bytes_max = 0;
};

class SendQueue {
 public:
  explicit SendQueue(const SendQueueLimits& limits) : limits_(limits) {}

  // False: there is no room.
  bool Push(SendClass send_class, std::string frame);

  // Moves frames to the end of `frames`, urgent ones first, until they are `bytes` or more or none
  // is left. Returns how many bytes were moved.
  std::size_t Take(std::size_t bytes, std::deque<std::string>& frames);

  // Forgets everything. Returns how many frames that were.
  std::size_t Clear();

  bool empty() const { return urgent_.frames.empty() && bulk_.frames.empty(); }
  std::size_t bytes() const { return urgent_.bytes + bulk_.bytes; }

 private:
  struct Part {
    std::deque<std::string> frames;
    std::size_t bytes = 0;
  };

  SendQueueLimits limits_;
  Part urgent_;
  Part bulk_;
};

}  // namespace firn
