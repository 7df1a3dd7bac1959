// SPDX-License-Identifier: Apache-2.0
//
// How many of the connections that were handed over are still open. Their new owner closes them
// without a word, so the ledger remembers which socket stood behind each descriptor and looks
// whether it still does: a number that was closed, or taken by something else, shows another inode.
// Looking costs a system call for each, so it is done rarely and only when it could matter.
//
// Not thread-safe.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <unordered_map>

#include "base/clock.h"

namespace firn::server {

class ConnectionLedger {
 public:
  // `clock` outlives the ledger.
  ConnectionLedger(const Clock& clock, std::size_t open_max) : clock_(clock), open_max_(open_max) {}

  // Whether there is room for one more.
  bool HasRoom();
  // Before the descriptor is handed over.
  void Add(int descriptor);
  // Now; looks at each.
  std::size_t CountOpen();

 private:
  const Clock& clock_;
  const std::size_t open_max_;
  std::unordered_map<int, ino_t> sockets_;  // By descriptor; some may be closed.
  std::chrono::nanoseconds looked_{0};
};

}  // namespace firn::server
