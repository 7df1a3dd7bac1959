// SPDX-License-Identifier: Apache-2.0
#include "server/connection_ledger.h"

#include <sys/stat.h>

namespace firn::server {
namespace {

// In a flood each connection finds no room; looking again for each would cost more than they do.
constexpr std::chrono::nanoseconds kLookInterval = std::chrono::milliseconds(10);

}  // namespace

bool ConnectionLedger::HasRoom() {
  if (sockets_.size() < open_max_) {
    return true;
  }
  if (clock_.Now() - looked_ < kLookInterval) {
    return false;
  }
  return CountOpen() < open_max_;
}

void ConnectionLedger::Add(int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) == 0) {
    sockets_[descriptor] = status.st_ino;
  }
}

std::size_t ConnectionLedger::CountOpen() {
  looked_ = clock_.Now();
  std::erase_if(sockets_, [](const auto& socket) {
    struct stat status;
    return ::fstat(socket.first, &status) != 0 || !S_ISSOCK(status.st_mode) ||
           status.st_ino != socket.second;
  });
  return sockets_.size();
}

}  // namespace firn::server
