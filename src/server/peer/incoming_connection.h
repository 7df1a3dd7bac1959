// SPDX-License-Identifier: Apache-2.0
//
// A connection that was accepted: TLS, the dialler's hello, the answer, then frames until it ends.
// Nothing is kept of what it sends before its hello was found good but a kilobyte, and all that has
// a deadline. Belongs to the thread of the transport.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/peer/frame.h"
#include "server/peer/handshake.h"
#include "server/peer/stream.h"
#include "server/peer/transport_core.h"

namespace firn {

class IncomingConnection : public std::enable_shared_from_this<IncomingConnection> {
 public:
  struct Callbacks {
    // Whether there is room for this peer; if so, the connection counts as open from now on.
    std::function<std::optional<Refused>(IncomingConnection&)> admit;
    std::function<void(IncomingConnection&)> ended;  // Once, whether it was open or not.
    std::function<void(Refusal, const std::string& text)> refused;  // Before `ended`.
  };

  IncomingConnection(TransportCore& core, asio::ip::tcp::socket socket, Callbacks callbacks);

  void Start();
  // Of one that is open.
  void Lose(LossCause cause, const std::string& text);
  // Of one that is not open yet.
  void Refuse(Refusal why, const std::string& text);

  bool is_open() const { return is_open_; }
  const Hello& hello() const { return hello_; }  // Once it is open.

 private:
  template <typename Handler>
  auto Unended(Handler handler) {
    return [self = shared_from_this(), handler = std::move(handler)](auto&&... arguments) {
      if (!self->has_ended_) {
        handler(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  void ReadHello();
  void OnPreamble();
  void OnHello();
  Answer AnswerTo(const Hello& hello);
  void SendAnswer(const Answer& answer);
  void Open();
  void Read();
  void OnRead(std::string_view bytes);
  void WatchForSilence();

  void FailHandshake(const std::string& doing, const asio::error_code& error);
  void End();

  TransportCore& core_;
  Callbacks callbacks_;
  PeerStream stream_;
  asio::steady_timer timer_;  // The deadline of the handshake, later of silence.
  std::string from_;          // The other side's address, for the log.
  bool is_open_ = false;      // It was let in; the answer may still be on its way.
  bool is_reading_ = false;   // Frames.
  bool has_ended_ = false;
  bool has_heard_ = false;  // Anything, since the timer was last set.

  std::string heard_;
  std::string spoken_;  // The answer, while it is written.
  Hello hello_;
  FrameDecoder decoder_;
  std::vector<char> buffer_;
};

}  // namespace firn
