// SPDX-License-Identifier: Apache-2.0
//
// One attempt to reach a peer, and the connection that comes of it: look up the name, connect, TLS,
// handshake, then frames until it ends, which it does once and for all. Belongs to the thread of
// the transport.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/peer/handshake.h"
#include "server/peer/stream.h"
#include "server/peer/transport_core.h"

namespace firn {

struct PeerToDial {
  NodeId id;
  std::string directory;   // Empty when not known.
  std::string address;     // "host:port"
  bool is_member = false;  // Otherwise a stranger, who has dialled this node.

  friend bool operator==(const PeerToDial&, const PeerToDial&) = default;
};

class OutgoingConnection : public std::enable_shared_from_this<OutgoingConnection> {
 public:
  struct Callbacks {
    std::function<void()> opened;
    std::function<void(const std::string& reason)> ended;  // At most once, and never after Close.
  };

  OutgoingConnection(TransportCore& core, const PeerToDial& peer, Callbacks callbacks);

  void Dial();
  // Sends what waits in the peer's queue, if it is open and does not do so already.
  void Pump();
  void Close();

 private:
  // A handler of this connection that does nothing once it has ended.
  template <typename Handler>
  auto Unended(Handler handler) {
    return [self = shared_from_this(), handler = std::move(handler)](auto&&... arguments) {
      if (!self->has_ended_) {
        handler(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  void Connect(const asio::ip::tcp::resolver::results_type& endpoints);
  void SayHello();
  void ReadAnswer();
  void OnPreamble();
  void OnAnswer();
  void Open();
  void WatchForEnd();
  void Write();
  void OnWritten(std::size_t bytes);
  void BeatLater();
  void Beat();

  void Refuse(Refusal why, const std::string& text);
  void FailHandshake(const std::string& doing, const asio::error_code& error);
  void Lose(LossCause cause, const std::string& text);
  void End(const std::string& reason);

  TransportCore& core_;
  const NodeId peer_;
  const std::string address_;
  const Hello hello_;
  Callbacks callbacks_;

  PeerStream stream_;
  asio::ip::tcp::resolver resolver_;
  asio::steady_timer timer_;  // The deadline of the handshake, later the heartbeat.
  bool is_open_ = false;
  bool has_ended_ = false;

  std::string spoken_;  // The hello, while it is written.
  std::string heard_;   // What the other side says in the handshake.
  std::deque<std::string> frames_;
  std::size_t sent_ = 0;  // Bytes of the first frame that are on their way.
  std::vector<asio::const_buffer> buffers_;
  bool is_writing_ = false;
  bool has_moved_ = false;  // Bytes, since the last beat.
  std::chrono::milliseconds stalled_{0};
};

}  // namespace firn
