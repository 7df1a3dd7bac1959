// SPDX-License-Identifier: Apache-2.0
#include "server/peer/incoming_connection.h"

#include <asio/ip/address.hpp>
#include <utility>

#include "server/peer/network_address.h"

namespace firn {
namespace {

using asio::ip::tcp;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

std::string RemoteAddress(const tcp::socket& socket) {
  asio::error_code error;
  const tcp::endpoint endpoint = socket.remote_endpoint(error);
  return error ? std::string("somebody")
               : Format({.host = endpoint.address().to_string(), .port = endpoint.port()});
}

}  // namespace

IncomingConnection::IncomingConnection(TransportCore& core, tcp::socket socket, Callbacks callbacks)
    : core_(core),
      callbacks_(std::move(callbacks)),
      stream_(std::move(socket), core.tls_or_null()),
      timer_(core.io),
      from_(RemoteAddress(stream_.socket())),
      decoder_(core.config.frame_bytes_max) {}

void IncomingConnection::Start() {
  core_.tally.Update([](PeerTransportStatistics& all) {
    ++all.accepted;
    ++all.incoming_handshakes;
  });
  stream_.Prepare(core_.config.stall_max);
  timer_.expires_after(core_.config.handshake_timeout);
  timer_.async_wait(Unended([this](const asio::error_code& error) {
    if (error || is_reading_) {
      return;
    }
    const std::string waited = std::to_string(core_.config.handshake_timeout.count()) + " ms";
    if (is_open_) {
      Lose(LossCause::kStalled, "it did not take the answer in " + waited);
    } else {
      Refuse(Refusal::kTimeout, "no hello in " + waited);
    }
  }));
  stream_.Secure(PeerStream::Side::kAcceptor, Unended([this](const asio::error_code& error) {
                   if (error) {
                     FailHandshake("TLS", error);
                   } else {
                     ReadHello();
                   }
                 }));
}

void IncomingConnection::ReadHello() {
  heard_.resize(kPreambleBytes);
  stream_.ReadAll(asio::buffer(heard_), Unended([this](const asio::error_code& error) {
                    if (error) {
                      FailHandshake("wait for the hello", error);
                    } else {
                      OnPreamble();
                    }
                  }));
}

void IncomingConnection::OnPreamble() {
  const Result<Preamble> preamble = DecodePreamble(heard_);
  if (!preamble) {
    Refuse(Refusal::kNotAPeer, preamble.error().context);
    return;
  }
  heard_.resize(preamble->body_bytes);
  stream_.ReadAll(
      asio::buffer(heard_),
      Unended([this, version = preamble->version](const asio::error_code& error) {
        if (error) {
          FailHandshake("read the hello", error);
        } else if (version != kPeerVersion) {
          SendAnswer(AnswerNo(core_.config.identity,
                              {.why = Refusal::kVersion,
                               .text = "it speaks version " + std::to_string(kPeerVersion) +
                                       ", the dialler " + std::to_string(version)}));
        } else {
          OnHello();
        }
      }));
}

void IncomingConnection::OnHello() {
  Result<Hello> hello = DecodeHello(heard_);
  if (hello) {
    hello_ = *std::move(hello);
    SendAnswer(AnswerTo(hello_));
  } else if (hello.error().code == ErrorCode::kUnsupported) {
    SendAnswer(
        AnswerNo(core_.config.identity, {.why = Refusal::kVersion, .text = hello.error().context}));
  } else {
    Refuse(Refusal::kNotAPeer, hello.error().context);
  }
}

Answer IncomingConnection::AnswerTo(const Hello& hello) {
  const Identity& self = core_.config.identity;
  const auto known = core_.members.find(hello.from);
  Answer answer = Judge(hello, self, known == core_.members.end() ? "" : known->second.directory);
  if (!answer.refused && !stream_.CertificateNames(hello.from)) {
    answer.refused =
        Refused{Refusal::kCertificate,
                "the dialler's certificate does not name node " + std::to_string(hello.from.value)};
  }
  if (!answer.refused) {
    answer.refused = callbacks_.admit(*this);
  }
  is_open_ = !answer.refused;
  return answer;
}

void IncomingConnection::SendAnswer(const Answer& answer) {
  spoken_ = Encode(answer);
  if (is_open_) {
    core_.tally.Update([](PeerTransportStatistics& all) {
      --all.incoming_handshakes;
      ++all.incoming_open;
    });
  }
  stream_.WriteAll(asio::buffer(spoken_),
                   Unended([this, refused = answer.refused](const asio::error_code& error) {
                     if (refused) {
                       Refuse(refused->why, refused->text);
                     } else if (error) {
                       Lose(LossCause::kClosed, stream_.Describe(error));
                     } else {
                       Open();
                     }
                   }));
}

void IncomingConnection::Open() {
  is_reading_ = true;
  heard_ = {};
  spoken_ = {};
  buffer_.resize(kReadBytes);
  WatchForSilence();
  Read();
}

void IncomingConnection::WatchForSilence() {
  timer_.expires_after(core_.config.silence_max);
  timer_.async_wait(Unended([this](const asio::error_code& error) {
    if (error) {
      return;
    }
    if (!std::exchange(has_heard_, false)) {
      Lose(LossCause::kSilent,
           "silent for " + std::to_string(core_.config.silence_max.count()) + " ms");
    } else {
      WatchForSilence();
    }
  }));
}

void IncomingConnection::Read() {
  stream_.ReadSome(asio::buffer(buffer_),
                   Unended([this](const asio::error_code& error, std::size_t bytes) {
                     if (error) {
                       const bool is_cut = !decoder_.is_between_frames();
                       Lose(LossCause::kClosed,
                            stream_.Describe(error) + (is_cut ? ", in the midst of a frame" : ""));
                     } else {
                       OnRead({buffer_.data(), bytes});
                     }
                   }));
}

// An event may stop the transport's owner from wanting more, but not end this connection: events do
// not call back.
void IncomingConnection::OnRead(std::string_view bytes) {
  has_heard_ = true;
  std::uint64_t messages = 0;
  const Result<void> fed = decoder_.Feed(bytes, [&](PeerMessageKind kind, std::string payload) {
    ++messages;
    core_.events.receive(hello_.from, kind, std::move(payload));
  });
  core_.tally.Update([&](PeerTransportStatistics& all) {
    all.bytes_received += bytes.size();
    all.frames_received += messages;
  });
  if (fed) {
    Read();
  } else {
    Lose(LossCause::kMalformed, fed.error().context);
  }
}

void IncomingConnection::FailHandshake(const std::string& doing, const asio::error_code& error) {
  Refuse(PeerStream::IsTlsError(error) ? Refusal::kTls : Refusal::kUnreachable,
         doing + ": " + stream_.Describe(error));
}

void IncomingConnection::Refuse(Refusal why, const std::string& text) {
  core_.tally.Update([&](PeerTransportStatistics& all) {
    ++all.Incoming(why);
    --all.incoming_handshakes;
  });
  callbacks_.refused(why, from_ + " refused: " + text);
  End();
}

void IncomingConnection::Lose(LossCause cause, const std::string& text) {
  core_.tally.Update([&](PeerTransportStatistics& all) {
    ++all.Of(cause);
    --all.incoming_open;
  });
  core_.Log("peer " + std::to_string(hello_.from.value) + " from " + from_ +
            ": connection ended: " + text);
  End();
}

void IncomingConnection::End() {
  has_ended_ = true;
  timer_.cancel();
  stream_.Close();
  callbacks_.ended(*this);
}

}  // namespace firn
