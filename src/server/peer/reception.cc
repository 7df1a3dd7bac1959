// SPDX-License-Identifier: Apache-2.0
#include "server/peer/reception.h"

#include <fcntl.h>

#include <algorithm>
#include <asio/post.hpp>
#include <bit>
#include <utility>

#include "base/propagate.h"
#include "server/peer/network_address.h"

namespace firn {

using asio::ip::tcp;

Reception::Reception(TransportCore& core, std::function<void(NodeId)> on_change)
    : core_(core), on_change_(std::move(on_change)), acceptor_(core.io), timer_(core.io) {}

Result<tcp::endpoint> Reception::FindEndpoint() const {
  FIRN_TRY_ASSIGN(const NetworkAddress address, ParseNetworkAddress(core_.config.listen));
  asio::error_code error;
  tcp::resolver resolver(core_.io.get_executor());
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "address " + core_.config.listen + " for peers: " + error.message()};
  }
  return found.begin()->endpoint();
}

Result<void> Reception::Listen() {
  FIRN_TRY_ASSIGN(const tcp::endpoint wanted, FindEndpoint());
  asio::error_code error;
  acceptor_.open(wanted.protocol(), error);
  if (!error) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    acceptor_.bind(wanted, error);
  }
  if (!error) {
    acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  }
  if (error) {
    return Error{ErrorCode::kIo, "listen for peers on " + core_.config.listen + ": " +
                                     error.message() + ": choose another address"};
  }
  static_cast<void>(::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC));
  const tcp::endpoint bound = acceptor_.local_endpoint(error);
  address_ = Format({.host = bound.address().to_string(), .port = bound.port()});
  return {};
}

void Reception::Accept() {
  acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
    if (is_closed_) {
      return;
    }
    if (error) {
      core_.tally.Update([](PeerTransportStatistics& all) { ++all.accept_failures; });
      PauseAccepting();
      return;
    }
    Welcome(std::move(socket));
    Accept();
  });
}

// Most failures, want of descriptors above all, would come again at once.
void Reception::PauseAccepting() {
  timer_.expires_after(core_.config.accept_pause);
  timer_.async_wait([this](const asio::error_code&) {
    if (!is_closed_) {
      Accept();
    }
  });
}

void Reception::Welcome(tcp::socket socket) {
  if (handshakes_.size() >= core_.config.handshakes_max) {
    const Connection oldest = handshakes_.front();
    oldest->Refuse(Refusal::kTooMany, "too many connections that have not said who they are");
  }
  handshakes_.push_back(std::make_shared<IncomingConnection>(
      core_, std::move(socket),
      IncomingConnection::Callbacks{
          .admit = [this](IncomingConnection& connection) { return Admit(connection); },
          .ended = [this](IncomingConnection& connection) { Remove(connection); },
          .refused = [this](Refusal why, const std::string& text) { Report(why, text); }}));
  handshakes_.back()->Start();
}

std::optional<Refused> Reception::Admit(IncomingConnection& connection) {
  const NodeId peer = connection.hello().from;
  const auto older = open_.find(peer);
  if (older != open_.end()) {
    const Connection replaced = older->second;
    replaced->Lose(LossCause::kReplaced, "the peer dialled anew");
  } else if (!MakeRoomFor(peer)) {
    return Refused{Refusal::kTooMany, "all " + std::to_string(core_.config.connections_max) +
                                          " connections for peers are taken"};
  }
  open_[peer] = connection.shared_from_this();
  std::erase_if(handshakes_, [&](const Connection& other) { return other.get() == &connection; });
  AnnounceChange(peer);
  return std::nullopt;
}

bool Reception::MakeRoomFor(NodeId peer) {
  if (open_.size() < core_.config.connections_max) {
    return true;
  }
  const auto stranger = std::ranges::find_if(
      open_, [&](const auto& entry) { return !core_.members.contains(entry.first); });
  if (!core_.members.contains(peer) || stranger == open_.end()) {
    return false;
  }
  const Connection crowded_out = stranger->second;
  crowded_out->Lose(LossCause::kCrowdedOut, "a member needed the room");
  return true;
}

void Reception::Remove(IncomingConnection& connection) {
  std::erase_if(handshakes_, [&](const Connection& other) { return other.get() == &connection; });
  if (std::erase_if(open_, [&](const auto& entry) { return entry.second.get() == &connection; })) {
    AnnounceChange(connection.hello().from);
  }
}

// Soon, not now: the connection is not yet what it will be.
void Reception::AnnounceChange(NodeId peer) {
  asio::post(core_.io, [this, peer] {
    if (!is_closed_) {
      on_change_(peer);
    }
  });
}

std::map<NodeId, PeerToDial> Reception::Strangers() const {
  std::map<NodeId, PeerToDial> strangers;
  for (const auto& [id, connection] : open_) {
    const Hello& hello = connection->hello();
    if (!core_.members.contains(id) && hello.to_member && !hello.address.empty()) {
      strangers[id] = {.id = id, .directory = hello.directory, .address = hello.address};
    }
  }
  return strangers;
}

void Reception::OnMembersChanged() {
  std::vector<Connection> wrong;
  for (const auto& [id, connection] : open_) {
    const auto member = core_.members.find(id);
    if (member != core_.members.end() && !member->second.directory.empty() &&
        member->second.directory != connection->hello().directory) {
      wrong.push_back(connection);
    }
  }
  for (const Connection& connection : wrong) {
    connection->Lose(LossCause::kNotNeeded, "the member has another directory");
  }
}

void Reception::Close() {
  is_closed_ = true;
  asio::error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  while (!handshakes_.empty()) {
    const Connection connection = handshakes_.front();
    connection->Refuse(Refusal::kUnreachable, "this node stops");
  }
  while (!open_.empty()) {
    const Connection connection = open_.begin()->second;
    connection->Lose(LossCause::kNotNeeded, "this node stops");
  }
}

// Anybody can cause refusals: the log gets the first of each kind, the second, the fourth, and so
// on.
void Reception::Report(Refusal why, const std::string& text) {
  const std::uint64_t count = core_.tally.Snapshot().Incoming(why);
  if (std::has_single_bit(count) && !is_closed_) {
    core_.Log("connection from " + text + " (" + std::string(Name(why)) + ", " +
              std::to_string(count) + " so far)");
  }
}

}  // namespace firn
