// SPDX-License-Identifier: Apache-2.0
//
// A connection has held once it is older than the longest pause. Were success enough, two processes
// with one identity would turn each other out at full speed.
#include "server/peer/peer_link.h"

#include <algorithm>
#include <utility>

namespace firn {

PeerLink::PeerLink(TransportCore& core, PeerToDial peer)
    : core_(core), peer_(std::move(peer)), timer_(core.io), pause_(core.config.redial_min) {}

void PeerLink::Dial() {
  if (is_closed_) {
    return;
  }
  const auto call = [weak = weak_from_this()](auto method) {
    return [weak, method](const auto&... arguments) {
      if (const std::shared_ptr<PeerLink> link = weak.lock()) {
        (link.get()->*method)(arguments...);
      }
    };
  };
  connection_ = std::make_shared<OutgoingConnection>(
      core_, peer_,
      OutgoingConnection::Callbacks{.opened = call(&PeerLink::OnOpened),
                                    .ended = call(&PeerLink::OnEnded)});
  connection_->Dial();
}

void PeerLink::OnOpened() {
  Report("connected");
  timer_.expires_after(core_.config.redial_max);
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) {
      self->pause_ = self->core_.config.redial_min;
    }
  });
}

void PeerLink::OnEnded(const std::string& reason) {
  connection_ = nullptr;
  const std::size_t dropped = core_.queues.Clear(peer_.id);
  core_.tally.Update(
      [&](PeerTransportStatistics& all) { all.Of(DropCause::kUnreachable) += dropped; });
  Report(reason);
  DialLater();
  core_.events.unreachable(peer_.id);
}

void PeerLink::DialLater() {
  const auto half = static_cast<std::uint64_t>(pause_.count()) / 2;
  const std::chrono::milliseconds pause(half + core_.random.Below(half + 1));
  pause_ = std::min(2 * pause_, core_.config.redial_max);
  timer_.expires_after(pause);
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) {
      self->Dial();
    }
  });
}

void PeerLink::Pump() {
  if (connection_ != nullptr) {
    connection_->Pump();
  }
}

void PeerLink::Nudge() {
  if (connection_ == nullptr && timer_.cancel() > 0) {
    Dial();
  }
}

void PeerLink::Close() {
  is_closed_ = true;
  timer_.cancel();
  if (const auto connection = std::exchange(connection_, nullptr)) {
    connection->Close();
  }
}

void PeerLink::Report(const std::string& what) {
  if (what != reported_) {
    reported_ = what;
    core_.Log("peer " + std::to_string(peer_.id.value) + " at " + peer_.address + ": " + what);
  }
}

}  // namespace firn
