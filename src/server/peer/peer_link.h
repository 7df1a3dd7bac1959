// SPDX-License-Identifier: Apache-2.0
//
// Keeps one peer dialled: when a connection ends or cannot be made, another is tried after a pause
// that doubles with each failure, with jitter, and begins anew once a connection has held for a
// while. Whatever waited for a connection that failed is dropped, and Raft is told. Belongs to the
// thread of the transport.
#pragma once

#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "server/peer/outgoing_connection.h"
#include "server/peer/transport_core.h"

namespace firn {

class PeerLink : public std::enable_shared_from_this<PeerLink> {
 public:
  PeerLink(TransportCore& core, PeerToDial peer);

  const PeerToDial& peer() const { return peer_; }
  void Dial();
  // What waits in the peer's queue may go.
  void Pump();
  // The peer has shown that it lives: what waits for the next attempt does so no longer.
  void Nudge();
  void Close();

 private:
  void OnOpened();
  void OnEnded(const std::string& reason);
  void DialLater();
  void Report(const std::string& what);

  TransportCore& core_;
  const PeerToDial peer_;
  std::shared_ptr<OutgoingConnection> connection_;  // Null between attempts.
  asio::steady_timer timer_;  // Until the next attempt; or until an open connection has held.
  std::chrono::milliseconds pause_;
  std::string reported_;  // What the log was told last: it is not told twice.
  bool is_closed_ = false;
};

}  // namespace firn
