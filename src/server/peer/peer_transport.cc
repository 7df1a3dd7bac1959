// SPDX-License-Identifier: Apache-2.0
//
// The calls of other threads end at two places: the queues, which take messages, and tasks posted
// to the one thread that owns everything else. It is woken once for all that was queued since it
// last looked.
#include "server/peer/peer_transport.h"

#include <pthread.h>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <exception>
#include <set>
#include <utility>

#include "base/propagate.h"
#include "base/random.h"
#include "io/scheduler.h"
#include "server/peer/frame.h"
#include "server/peer/peer_link.h"
#include "server/peer/reception.h"
#include "server/peer/tls_context.h"
#include "server/peer/transport_core.h"

namespace firn {
namespace {

Result<void> Check(const PeerTransportConfig& config) {
  const auto refuse = [](const char* what) { return Error{ErrorCode::kInvalidArgument, what}; };
  if (config.identity.node == NodeId{}) {
    return refuse("peer transport of a node without an id");
  }
  if (config.frame_bytes_max > UINT32_MAX) {
    return refuse("frames of peers: at most 4 GiB");
  }
  if (config.connections_max == 0 || config.handshakes_max == 0) {
    return refuse("connections of peers: at least one has to be allowed");
  }
  const std::chrono::milliseconds none{0};
  if (config.handshake_timeout <= none || config.heartbeat <= none || config.redial_min <= none ||
      config.accept_pause <= none || config.stall_max < config.heartbeat ||
      config.silence_max <= config.heartbeat || config.redial_max < config.redial_min) {
    return refuse(
        "timeouts of peers: none may be zero, silence must be longer than a heartbeat, a stall not "
        "shorter, and the longest pause not shorter than the shortest");
  }
  return {};
}

}  // namespace

class PeerTransport::Implementation {
 public:
  explicit Implementation(PeerTransportConfig config)
      : core_(std::move(config)), reception_(core_, [this](NodeId peer) { OnPeer(peer); }) {}

  Result<void> Listen();
  std::string address() const { return reception_.address(); }
  void Start(PeerEvents events);
  void Stop();
  void Send(NodeId to, PeerMessageKind kind, std::string_view bytes);
  void SetMembers(const std::map<NodeId, Member>& members);
  PeerTransportStatistics Statistics() const { return core_.tally.Snapshot(); }

 private:
  void Drop(DropCause cause);
  void Flush();
  bool IsPeer(NodeId id, const Member& member) const {
    return id != core_.config.identity.node && !member.peer_address.empty();
  }
  void AdoptMembers(const std::map<NodeId, Member>& members);
  void OnPeer(NodeId peer);
  // One link to everybody who can be dialled, and none to others.
  void FitLinks();
  void CloseAll();

  TransportCore core_;
  Reception reception_;
  std::map<NodeId, std::shared_ptr<PeerLink>> links_;
  std::atomic<bool> has_stopped_ = false;
  std::shared_ptr<Scheduler> scheduler_;  // Its one task runs `core_.io`. Null unless started.
};

Result<void> PeerTransport::Implementation::Listen() {
  if (core_.config.tls) {
    core_.tls.emplace(asio::ssl::context::tlsv13);
    FIRN_TRY(ConfigureTls(*core_.tls, *core_.config.tls, core_.config.identity.node));
  }
  FIRN_TRY(reception_.Listen());
  core_.advertised = core_.config.advertise.empty() ? reception_.address() : core_.config.advertise;
  return {};
}

void PeerTransport::Implementation::Start(PeerEvents events) {
  core_.events = std::move(events);
  asio::post(core_.io, [this] { reception_.Accept(); });
  scheduler_ = MakeThreadScheduler();
  scheduler_->Submit(Lane::kReplica, [this] {
    pthread_setname_np(pthread_self(), "firn-peers");
    const auto work = asio::make_work_guard(core_.io);
    core_.io.run();
  });
}

void PeerTransport::Implementation::Stop() {
  if (has_stopped_.exchange(true)) {
    return;
  }
  if (scheduler_ == nullptr) {
    return;
  }
  asio::post(core_.io, [this] {
    CloseAll();
    core_.io.stop();
  });
  scheduler_ = nullptr;  // Waits for its task.
}

void PeerTransport::Implementation::CloseAll() {
  reception_.Close();
  for (const auto& [id, link] : links_) {
    link->Close();
  }
  links_.clear();
}

void PeerTransport::Implementation::Send(NodeId to, PeerMessageKind kind, std::string_view bytes) {
  if (has_stopped_.load(std::memory_order_relaxed)) {
    return;
  }
  if (bytes.size() > core_.config.frame_bytes_max) {
    Drop(DropCause::kTooLarge);
    core_.Log("peer " + std::to_string(to.value) + ": a message of " +
              std::to_string(bytes.size()) + " bytes is above the limit of a frame, " +
              std::to_string(core_.config.frame_bytes_max));
    return;
  }
  const SendClass send_class = ClassOf(kind);
  const PeerQueues::PushResult result =
      core_.queues.Add({.to = to, .send_class = send_class, .frame = EncodeFrame(kind, bytes)});
  switch (result.pushed) {
    case PeerQueues::Pushed::kTaken: break;
    case PeerQueues::Pushed::kUnknownPeer: Drop(DropCause::kUnknownPeer); break;
    case PeerQueues::Pushed::kFull:
      Drop(send_class == SendClass::kUrgent ? DropCause::kUrgentFull : DropCause::kBulkFull);
      break;
  }
  if (result.is_first) {
    asio::post(core_.io, [this] { Flush(); });
  }
}

void PeerTransport::Implementation::Drop(DropCause cause) {
  core_.tally.Update([&](PeerTransportStatistics& all) { ++all.Of(cause); });
}

void PeerTransport::Implementation::Flush() {
  for (const PeerQueues::Touched& touched : core_.queues.TakeTouched()) {
    const auto link = links_.find(touched.peer);
    if (link == links_.end()) {
      continue;
    }
    link->second->Pump();
    if (touched.has_lost) {
      core_.events.unreachable(touched.peer);
    }
  }
}

void PeerTransport::Implementation::SetMembers(const std::map<NodeId, Member>& members) {
  std::set<NodeId> peers;
  for (const auto& [id, member] : members) {
    if (IsPeer(id, member)) {
      peers.insert(id);
    }
  }
  core_.queues.SetMembers(std::move(peers));
  if (!has_stopped_.load(std::memory_order_relaxed)) {
    asio::post(core_.io, [this, members] { AdoptMembers(members); });
  }
}

void PeerTransport::Implementation::AdoptMembers(const std::map<NodeId, Member>& members) {
  core_.members = members;
  reception_.OnMembersChanged();
  FitLinks();
}

void PeerTransport::Implementation::OnPeer(NodeId peer) {
  FitLinks();
  const auto link = links_.find(peer);
  if (link != links_.end() && reception_.IsOpen(peer)) {
    link->second->Nudge();
  }
}

void PeerTransport::Implementation::FitLinks() {
  std::map<NodeId, PeerToDial> wanted = reception_.Strangers();
  std::set<NodeId> strangers;
  for (const auto& [id, peer] : wanted) {
    strangers.insert(id);
  }
  core_.queues.SetStrangers(std::move(strangers));
  for (const auto& [id, member] : core_.members) {
    if (IsPeer(id, member)) {
      wanted[id] = {.id = id,
                    .directory = member.directory,
                    .address = member.peer_address,
                    .is_member = true};
    }
  }
  std::erase_if(links_, [&](const auto& entry) {
    const auto peer = wanted.find(entry.first);
    const bool is_kept = peer != wanted.end() && peer->second == entry.second->peer();
    if (!is_kept) {
      entry.second->Close();
    }
    return !is_kept;
  });
  for (const auto& [id, peer] : wanted) {
    if (!links_.contains(id)) {
      const auto link = std::make_shared<PeerLink>(core_, peer);
      links_.emplace(id, link);
      link->Dial();
    }
  }
}

Result<std::unique_ptr<PeerTransport>> PeerTransport::Listen(PeerTransportConfig config) {
  FIRN_TRY(Check(config));
  if (config.seed == 0) {
    config.seed = EntropySeed();
  }
  try {
    std::unique_ptr<PeerTransport> transport(
        new PeerTransport(std::make_unique<Implementation>(std::move(config))));
    FIRN_TRY(transport->implementation_->Listen());
    return transport;
  } catch (const std::exception& error) {  // Asio's, when the system has no descriptor for it.
    return Error{ErrorCode::kIo, std::string("peer transport: ") + error.what()};
  }
}

PeerTransport::PeerTransport(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
PeerTransport::~PeerTransport() { Stop(); }

std::string PeerTransport::address() const { return implementation_->address(); }
void PeerTransport::Start(PeerEvents events) { implementation_->Start(std::move(events)); }
void PeerTransport::Stop() { implementation_->Stop(); }
void PeerTransport::Send(const RaftMessage& message) {
  implementation_->Send(message.to, PeerMessageKind::kRaft, message.bytes);
}
void PeerTransport::Send(const PeerMessage& message) {
  implementation_->Send(message.to, message.kind, message.bytes);
}
void PeerTransport::SetMembers(const std::map<NodeId, Member>& members) {
  implementation_->SetMembers(members);
}
PeerTransportStatistics PeerTransport::Statistics() const { return implementation_->Statistics(); }

}  // namespace firn
