// SPDX-License-Identifier: Apache-2.0
//
// The other side never says anything after its answer; reading goes on only to notice that the
// connection ends. That a peer is dead and nothing of it can be read is noticed by the system
// (TCP_USER_TIMEOUT on what heartbeats keep sending), and that it lives but does not read by the
// beats.
#include "server/peer/outgoing_connection.h"

#include <asio/connect.hpp>
#include <asio/ip/address.hpp>
#include <utility>

#include "server/peer/frame.h"
#include "server/peer/network_address.h"

namespace firn {
namespace {

using asio::ip::tcp;

// Frames are taken from the queue in such portions, so that urgent ones soon have their turn.
constexpr std::size_t kTakeBytes = std::size_t{256} << 10;
constexpr std::size_t kBuffersMax = 64;  // Of one write: Asio takes no more.

}  // namespace

OutgoingConnection::OutgoingConnection(TransportCore& core, const PeerToDial& peer,
                                       Callbacks callbacks)
    : core_(core),
      peer_(peer.id),
      address_(peer.address),
      hello_{.cluster = core.config.identity.cluster,
             .from = core.config.identity.node,
             .directory = FormatId(core.config.identity.directory),
             .address = core.advertised,
             .to = peer.id,
             .to_directory = peer.directory,
             .to_member = peer.is_member},
      callbacks_(std::move(callbacks)),
      stream_(tcp::socket(core.io), core.tls_or_null()),
      resolver_(core.io),
      timer_(core.io) {}

void OutgoingConnection::Dial() {
  core_.tally.Update([](PeerTransportStatistics& all) { ++all.dials; });
  timer_.expires_after(core_.config.handshake_timeout);
  timer_.async_wait(Unended([this](const asio::error_code& error) {
    if (!error && !is_open_) {
      Refuse(Refusal::kTimeout,
             "no answer in " + std::to_string(core_.config.handshake_timeout.count()) + " ms");
    }
  }));
  const Result<NetworkAddress> address = ParseNetworkAddress(address_);
  if (!address) {
    Refuse(Refusal::kUnreachable, address.error().context);
    return;
  }
  asio::error_code not_numeric;
  const auto numeric = asio::ip::make_address(address->host, not_numeric);
  if (!not_numeric) {
    Connect(tcp::resolver::results_type::create(tcp::endpoint(numeric, address->port),
                                                address->host, std::to_string(address->port)));
    return;
  }
  resolver_.async_resolve(
      address->host, std::to_string(address->port),
      Unended([this](const asio::error_code& error, const tcp::resolver::results_type& endpoints) {
        if (error) {
          FailHandshake("look up", error);
        } else {
          Connect(endpoints);
        }
      }));
}

void OutgoingConnection::Connect(const tcp::resolver::results_type& endpoints) {
  asio::async_connect(stream_.socket(), endpoints,
                      Unended([this](const asio::error_code& error, const tcp::endpoint&) {
                        if (error) {
                          FailHandshake("connect", error);
                          return;
                        }
                        stream_.Prepare(core_.config.stall_max);
                        stream_.Secure(PeerStream::Side::kDialler,
                                       Unended([this](const asio::error_code& failed) {
                                         if (failed) {
                                           FailHandshake("TLS", failed);
                                         } else {
                                           SayHello();
                                         }
                                       }));
                      }));
}

void OutgoingConnection::SayHello() {
  if (!stream_.CertificateNames(peer_)) {
    Refuse(Refusal::kCertificate,
           "its certificate does not name node " + std::to_string(peer_.value));
    return;
  }
  spoken_ = Encode(hello_);
  stream_.WriteAll(asio::buffer(spoken_), Unended([this](const asio::error_code& error) {
                     if (error) {
                       FailHandshake("say hello", error);
                     } else {
                       ReadAnswer();
                     }
                   }));
}

void OutgoingConnection::ReadAnswer() {
  heard_.resize(kPreambleBytes);
  stream_.ReadAll(asio::buffer(heard_), Unended([this](const asio::error_code& error) {
                    if (error) {
                      FailHandshake("wait for the answer", error);
                    } else {
                      OnPreamble();
                    }
                  }));
}

void OutgoingConnection::OnPreamble() {
  const Result<Preamble> preamble = DecodePreamble(heard_);
  if (!preamble) {
    Refuse(Refusal::kNotAPeer, preamble.error().context);
    return;
  }
  if (preamble->version != kPeerVersion) {
    Refuse(Refusal::kVersion, "it speaks version " + std::to_string(preamble->version) +
                                  ", this node " + std::to_string(kPeerVersion));
    return;
  }
  heard_.resize(preamble->body_bytes);
  stream_.ReadAll(asio::buffer(heard_), Unended([this](const asio::error_code& error) {
                    if (error) {
                      FailHandshake("read the answer", error);
                    } else {
                      OnAnswer();
                    }
                  }));
}

void OutgoingConnection::OnAnswer() {
  const Result<Answer> answer = DecodeAnswer(heard_);
  if (!answer) {
    Refuse(Refusal::kNotAPeer, answer.error().context);
  } else if (const std::optional<Refused> refused = Check(*answer, hello_)) {
    Refuse(refused->why, refused->text);
  } else {
    Open();
  }
}

void OutgoingConnection::Open() {
  is_open_ = true;
  timer_.cancel();
  core_.tally.Update([](PeerTransportStatistics& all) { ++all.outgoing_open; });
  WatchForEnd();
  BeatLater();
  callbacks_.opened();
  Pump();
}

void OutgoingConnection::WatchForEnd() {
  heard_.resize(1);
  stream_.ReadSome(asio::buffer(heard_),
                   Unended([this](const asio::error_code& error, std::size_t) {
                     if (error) {
                       Lose(LossCause::kClosed, stream_.Describe(error));
                     } else {
                       Lose(LossCause::kMalformed, "it spoke out of turn");
                     }
                   }));
}

void OutgoingConnection::Pump() {
  if (!is_open_ || has_ended_ || is_writing_) {
    return;
  }
  core_.queues.Take(peer_, kTakeBytes, frames_);
  if (!frames_.empty()) {
    Write();
  }
}

void OutgoingConnection::Write() {
  is_writing_ = true;
  buffers_.clear();
  std::size_t skipped = sent_;
  for (const std::string& frame : frames_) {
    if (buffers_.size() == kBuffersMax) {
      break;
    }
    buffers_.push_back(asio::buffer(frame) + std::exchange(skipped, 0));
  }
  stream_.WriteSome(buffers_, Unended([this](const asio::error_code& error, std::size_t bytes) {
                      if (error) {
                        Lose(LossCause::kClosed, stream_.Describe(error));
                      } else {
                        OnWritten(bytes);
                      }
                    }));
}

void OutgoingConnection::OnWritten(std::size_t bytes) {
  has_moved_ = true;
  std::uint64_t messages = 0;
  sent_ += bytes;
  while (!frames_.empty() && sent_ >= frames_.front().size()) {
    sent_ -= frames_.front().size();
    messages += IsHeartbeat(frames_.front()) ? 0 : 1;
    frames_.pop_front();
  }
  core_.tally.Update([&](PeerTransportStatistics& all) {
    all.bytes_sent += bytes;
    all.frames_sent += messages;
  });
  if (!frames_.empty()) {
    Write();
    return;
  }
  is_writing_ = false;
  Pump();
}

void OutgoingConnection::BeatLater() {
  timer_.expires_after(core_.config.heartbeat);
  timer_.async_wait(Unended([this](const asio::error_code& error) {
    if (!error) {
      Beat();
    }
  }));
}

void OutgoingConnection::Beat() {
  if (std::exchange(has_moved_, false)) {
    stalled_ = {};
  } else if (is_writing_) {
    stalled_ += core_.config.heartbeat;
    if (stalled_ >= core_.config.stall_max) {
      Lose(LossCause::kStalled, "it took nothing for " + std::to_string(stalled_.count()) + " ms");
      return;
    }
  } else {
    frames_.push_back(EncodeHeartbeat());
    Write();
  }
  BeatLater();
}

void OutgoingConnection::FailHandshake(const std::string& doing, const asio::error_code& error) {
  Refuse(PeerStream::IsTlsError(error) ? Refusal::kTls : Refusal::kUnreachable,
         doing + ": " + stream_.Describe(error));
}

void OutgoingConnection::Refuse(Refusal why, const std::string& text) {
  core_.tally.Update([&](PeerTransportStatistics& all) { ++all.Outgoing(why); });
  End(text);
}

void OutgoingConnection::Lose(LossCause cause, const std::string& text) {
  core_.tally.Update([&](PeerTransportStatistics& all) { ++all.Of(cause); });
  End("connection lost: " + text);
}

void OutgoingConnection::Close() {
  callbacks_.ended = nullptr;
  if (has_ended_) {
    return;
  }
  if (is_open_) {
    Lose(LossCause::kNotNeeded, "not needed");
  } else {
    End("not needed");
  }
}

void OutgoingConnection::End(const std::string& reason) {
  has_ended_ = true;
  if (std::exchange(is_open_, false)) {
    core_.tally.Update([](PeerTransportStatistics& all) { --all.outgoing_open; });
  }
  timer_.cancel();
  resolver_.cancel();
  stream_.Close();
  if (const auto ended = std::exchange(callbacks_.ended, nullptr)) {
    ended(reason);
  }
}

}  // namespace firn
