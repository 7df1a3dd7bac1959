// SPDX-License-Identifier: Apache-2.0
//
// What all connections of one transport share. But for the statistics and the queues everything
// belongs to the thread that runs `io`.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ssl/context.hpp>
#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "base/random.h"
#include "server/peer/peer_queues.h"
#include "server/peer/peer_transport.h"

namespace firn {

// Thread-safe.
class PeerTally {
 public:
  template <typename Change>
  void Update(const Change& change) FIRN_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    change(statistics_);
  }
  PeerTransportStatistics Snapshot() const FIRN_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return statistics_;
  }

 private:
  mutable Mutex mutex_;
  PeerTransportStatistics statistics_ FIRN_GUARDED_BY(mutex_);
};

struct TransportCore {
  explicit TransportCore(PeerTransportConfig with)
      : config(std::move(with)),
        random(config.seed),
        queues({.urgent_bytes_max = config.urgent_bytes_max,
                .bulk_bytes_max = config.bulk_bytes_max}) {}

  void Log(const std::string& line) const {
    if (config.log) {
      config.log(line);
    }
  }
  asio::ssl::context* tls_or_null() { return tls ? &*tls : nullptr; }

  const PeerTransportConfig config;
  std::string advertised;  // Where this node can be dialled.
  PeerEvents events;
  Random random;
  PeerQueues queues;
  PeerTally tally;
  std::map<NodeId, Member> members;
  std::optional<asio::ssl::context> tls;
  asio::io_context io{1};  // Last: what it destroys unfinished may use the rest.
};

}  // namespace firn
