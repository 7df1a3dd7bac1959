// SPDX-License-Identifier: Apache-2.0
//
// Which socket a client is behind, so that answers which are ready together can leave in one
// segment (TCP_CORK): gRPC writes each answer by itself, and each write wakes the client.
//
// The sockets belong to gRPC, which closes them without a word. A descriptor found here may be
// closed or another's by now; holding back and letting go is harmless to whatever it is, and the
// kernel lets go by itself after 200 ms. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace firn::server {

class ConnectionTable {
 public:
  // A connected socket, before gRPC gets it.
  void Add(int descriptor) FIRN_EXCLUDES(mutex_);
  // By what gRPC calls a peer: "ipv4:127.0.0.1:4711".
  std::optional<int> Find(const std::string& peer) const FIRN_EXCLUDES(mutex_);

  static void HoldBack(int descriptor);
  static void LetGo(int descriptor);

 private:
  mutable Mutex mutex_;
  std::unordered_map<std::string, int> descriptors_ FIRN_GUARDED_BY(mutex_);
  std::unordered_map<int, std::string> peers_ FIRN_GUARDED_BY(mutex_);  // The other way round.
};

}  // namespace firn::server
