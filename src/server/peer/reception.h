// SPDX-License-Identifier: Apache-2.0
//
// Takes the port, accepts, and keeps what was accepted within bounds: a flood of connections that
// say nothing turns out the oldest of its kind, so that a peer, which needs a round trip, gets
// through; a peer that dials anew replaces itself; strangers make room for members. Belongs to the
// thread of the transport, but for Listen and address.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "firn/result.h"
#include "server/peer/incoming_connection.h"
#include "server/peer/outgoing_connection.h"
#include "server/peer/transport_core.h"

namespace firn {

class Reception {
 public:
  // `on_change` is called, soon, when a peer has been let in or has gone.
  Reception(TransportCore& core, std::function<void(NodeId)> on_change);

  Result<void> Listen();
  std::string address() const { return address_; }

  void Accept();
  // Ends what the members of now make wrong.
  void OnMembersChanged();
  // Who has dialled this node as a member, is none as far as is known here, and has said where it
  // can be dialled.
  std::map<NodeId, PeerToDial> Strangers() const;
  bool IsOpen(NodeId peer) const { return open_.contains(peer); }
  void Close();

 private:
  using Connection = std::shared_ptr<IncomingConnection>;

  Result<asio::ip::tcp::endpoint> FindEndpoint() const;
  void Welcome(asio::ip::tcp::socket socket);
  void PauseAccepting();
  std::optional<Refused> Admit(IncomingConnection& connection);
  bool MakeRoomFor(NodeId peer);
  void Remove(IncomingConnection& connection);
  void AnnounceChange(NodeId peer);
  void Report(Refusal why, const std::string& text);

  TransportCore& core_;
  const std::function<void(NodeId)> on_change_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::string address_;
  bool is_closed_ = false;
  std::list<Connection> handshakes_;  // In the order in which they came.
  std::map<NodeId, Connection> open_;
};

}  // namespace firn
