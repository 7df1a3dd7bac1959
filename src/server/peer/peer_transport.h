// SPDX-License-Identifier: Apache-2.0
//
// The wire between the nodes of a cluster: framed messages over TCP, with mutual TLS where it is
// configured (docs/protocol/peer.md). Each node dials every other member and sends on what it
// dialled; on what it accepted it only reads. A wire may lose messages, and this one does when a
// peer cannot be reached or does not keep up: what waits for a peer is bounded in bytes, and a peer
// that does not read delays nobody else.
//
// One thread of its own does all of it. Thread-safe. Send costs a copy of the message, a checksum
// and a short lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "firn/result.h"
#include "replica/identity.h"
#include "replica/peer_message.h"
#include "server/peer/peer_statistics.h"

namespace firn {

// PEM files, read once, by Listen. The certificate names the node as `firn:node:ID`, and chains to
// the authority, as those of all other nodes do (server/tls/certificates.h makes such).
struct PeerTls {
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
};

struct PeerTransportConfig {
  std::string listen = "127.0.0.1:0";  // "host:port", "[::1]:port"; port 0 takes a free one.
  std::string advertise;       // Where others reach it; empty: what it is bound to. See `Hello`.
  Identity identity;           // A member's directory is FormatId of its identity's.
  std::optional<PeerTls> tls;  // Without, everybody who reaches the port is believed.

  std::size_t frame_bytes_max = std::size_t{192} << 20;  // A batch may have 128 MiB.
  // Of what waits for one peer: messages of Raft, and after them all others.
  std::size_t urgent_bytes_max = std::size_t{16} << 20;
  std::size_t bulk_bytes_max = std::size_t{8} << 20;
  std::size_t connections_max = 64;  // Accepted and open.
  std::size_t handshakes_max = 32;   // Accepted, not open yet. The oldest gives way.

  std::chrono::milliseconds handshake_timeout{5'000};  // From the first packet to the answer.
  std::chrono::milliseconds heartbeat{1'000};          // How often an idle connection says so.
  std::chrono::milliseconds silence_max{4'000};        // After it, to twice it, a peer is dead.
  std::chrono::milliseconds stall_max{8'000};          // So long a peer may take nothing at all.
  std::chrono::milliseconds redial_min{20};            // Doubles with each failure, with jitter.
  std::chrono::milliseconds redial_max{1'000};
  std::chrono::milliseconds accept_pause{100};  // When accepting failed.

  std::uint64_t seed = 0;  // Of jitter; 0: from the system.
  // A line for the log, such as why a peer refused. Called in the transport's thread, or in that of
  // Listen; must be short. Null: nobody listens.
  std::function<void(const std::string&)> log;
};

// Called in the transport's thread; must be short.
struct PeerEvents {
  std::function<void(NodeId from, PeerMessageKind kind, std::string bytes)> receive;
  // What was sent to this peer lately may be lost.
  std::function<void(NodeId)> unreachable;
};

class PeerTransport final : public PeerSender {
 public:
  // Takes the port; others may connect, and wait. kInvalidArgument for an address or limits that
  // make no sense; kIo when the port is taken or a file of TLS cannot be used.
  static Result<std::unique_ptr<PeerTransport>> Listen(PeerTransportConfig config);
  // As Stop.
  ~PeerTransport() override;
  PeerTransport(const PeerTransport&) = delete;
  PeerTransport& operator=(const PeerTransport&) = delete;

  // What it is bound to, "host:port".
  std::string address() const;

  // From now on it accepts and dials. Once. What was sent before waits.
  void Start(PeerEvents events);
  // When it returns no event comes any more, and nothing is sent. Closes all connections. Blocks
  // for the event that is under way, and for the system's lookup of a host name. Not from an event.
  void Stop();

  void Send(const RaftMessage& message) override;
  void Send(const PeerMessage& message) override;
  // Nodes that are not among them, but are connected to this one and have said where they are, can
  // be sent to as well: a node that was away for long has to answer a leader it never heard of.
  void SetMembers(const std::map<NodeId, Member>& members) override;

  PeerTransportStatistics Statistics() const;

 private:
  class Implementation;
  explicit PeerTransport(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace firn
