// SPDX-License-Identifier: Apache-2.0
//
// Nodes that note what happens to their transport, and plain sockets that behave as no node does.
// Tests wait for what is to happen, without a limit of their own.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "server/peer/frame.h"
#include "server/peer/network_address.h"
#include "server/peer/peer_transport.h"

namespace firn {

inline constexpr NodeId kOne{1};
inline constexpr NodeId kTwo{2};
inline constexpr NodeId kThree{3};

inline constexpr std::uint64_t kTestCluster = 0xC0FFEE;
// Tests that send until something happens would otherwise take all memory if it never does.
inline constexpr std::size_t kReceivedMax = 1'000'000;

inline Identity TestIdentity(std::uint64_t node) {
  return {.cluster = kTestCluster, .node = {node}, .directory = 0xD0 + node};
}

struct Received {
  NodeId from;
  PeerMessageKind kind{};
  std::string bytes;

  friend bool operator==(const Received&, const Received&) = default;
};

// A node's transport, and what it has told.
class TestNode {
 public:
  // Pauses are short, so that tests are.
  static PeerTransportConfig Config(std::uint64_t node) {
    PeerTransportConfig config;
    config.identity = TestIdentity(node);
    config.redial_min = std::chrono::milliseconds(1);
    config.redial_max = std::chrono::milliseconds(4);
    return config;
  }

  explicit TestNode(PeerTransportConfig config) : identity_(config.identity) {
    config.log = [this](const std::string& line) { Note([&] { log_ += line + "\n"; }); };
    transport_ = PeerTransport::Listen(std::move(config)).value();
    transport_->Start(
        {.receive =
             [this](NodeId from, PeerMessageKind kind, std::string bytes) {
               Note([&] {
                 received_.push_back({from, kind, std::move(bytes)});
                 FIRN_CHECK(received_.size() < kReceivedMax, received_.size());
               });
             },
         .unreachable = [this](NodeId peer) { Note([&] { ++unreachable_[peer]; }); }});
  }
  explicit TestNode(std::uint64_t node) : TestNode(Config(node)) {}
  ~TestNode() { transport_ = nullptr; }

  PeerTransport& transport() { return *transport_; }
  NodeId id() const { return identity_.node; }
  Member member() const {
    return {.directory = FormatId(identity_.directory),
            .peer_address = transport_->address(),
            .client_address = {}};
  }
  PeerTransportStatistics statistics() const { return transport_->Statistics(); }

  void Send(NodeId to, PeerMessageKind kind, std::string bytes) {
    transport_->Send(PeerMessage{.kind = kind, .to = to, .bytes = std::move(bytes)});
  }

  // The oldest message that no test has taken yet.
  Received Take() {
    Await([&]() FIRN_REQUIRES(mutex_) { return !received_.empty(); });
    MutexLock lock(mutex_);
    Received taken = std::move(received_.front());
    received_.pop_front();
    return taken;
  }
  bool has_received() {
    MutexLock lock(mutex_);
    return !received_.empty();
  }
  void AwaitLog(const std::string& part) {
    Await([&]() FIRN_REQUIRES(mutex_) { return log_.find(part) != std::string::npos; });
  }
  void AwaitUnreachable(NodeId peer) {
    Await([&]() FIRN_REQUIRES(mutex_) { return unreachable_[peer] > 0; });
  }

 private:
  template <typename Change>
  void Note(const Change& change) {
    MutexLock lock(mutex_);
    change();
    changed_.NotifyAll();
  }
  template <typename Predicate>
  void Await(const Predicate& predicate) {
    MutexLock lock(mutex_);
    while (!predicate()) {
      changed_.Wait(mutex_);
    }
  }

  const Identity identity_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Received> received_;
  std::string log_;
  std::map<NodeId, int> unreachable_;
  std::unique_ptr<PeerTransport> transport_;
};

// Tells each of them of all.
inline void Introduce(const std::vector<TestNode*>& nodes) {
  std::map<NodeId, Member> members;
  for (const TestNode* node : nodes) {
    members[node->id()] = node->member();
  }
  for (TestNode* node : nodes) {
    node->transport().SetMembers(members);
  }
}

// A blocking TCP socket on loopback.
class RawSocket {
 public:
  static RawSocket Connect(const std::string& address) {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = At(ParseNetworkAddress(address).value().port);
    FIRN_CHECK(
        ::connect(socket.descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0,
        errno);
    return socket;
  }
  static RawSocket Listen() {
    RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in any = At(0);
    FIRN_CHECK(
        ::bind(socket.descriptor_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
            ::listen(socket.descriptor_, 8) == 0,
        errno);
    return socket;
  }
  RawSocket(RawSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  int descriptor() const { return descriptor_; }
  std::string address() const {
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    FIRN_CHECK(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    return "127.0.0.1:" + std::to_string(ntohs(bound.sin_port));
  }
  RawSocket Accept() const {
    return RawSocket(::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC));
  }

  // False once the other side has gone.
  bool Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  // As many bytes as asked for, or fewer at the end of the stream.
  std::string Read(std::size_t length) const {
    std::string bytes(length, '\0');
    std::size_t have = 0;
    while (have < length) {
      const ssize_t got = ::recv(descriptor_, bytes.data() + have, length - have, 0);
      if (got <= 0) {
        break;
      }
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  // Says no more, but still hears.
  void EndWriting() const { ::shutdown(descriptor_, SHUT_WR); }
  // Waits until the other side has closed.
  void AwaitEnd() const {
    while (!Read(1).empty()) {
    }
  }

 private:
  explicit RawSocket(int descriptor) : descriptor_(descriptor) {
    FIRN_CHECK(descriptor >= 0, errno);
  }
  static sockaddr_in At(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int descriptor_;
};

// What `node` says to dial `to`.
inline Hello TestHello(std::uint64_t node, std::uint64_t to) {
  return {.cluster = kTestCluster,
          .from = {node},
          .directory = FormatId(TestIdentity(node).directory),
          .address = {},
          .to = {to},
          .to_directory = {},
          .to_member = true};
}

// The answer to what was said, or nothing when the connection was closed without one.
inline std::optional<Answer> ReadAnswer(const RawSocket& socket) {
  const Result<Preamble> preamble = DecodePreamble(socket.Read(kPreambleBytes));
  if (!preamble) {
    return std::nullopt;
  }
  return DecodeAnswer(socket.Read(preamble->body_bytes)).value();
}

// A connection to `node` that has shaken hands in the name of node `from`.
inline RawSocket ConnectAs(std::uint64_t from, TestNode& node) {
  RawSocket socket = RawSocket::Connect(node.transport().address());
  EXPECT_TRUE(socket.Write(Encode(TestHello(from, node.id().value))));
  const std::optional<Answer> answer = ReadAnswer(socket);
  EXPECT_TRUE(answer && !answer->refused);
  return socket;
}

// Takes the next connection of a node that takes the listener for node `as`, and welcomes it.
inline RawSocket AcceptAs(std::uint64_t as, const RawSocket& listener) {
  RawSocket socket = listener.Accept();
  const Preamble preamble = DecodePreamble(socket.Read(kPreambleBytes)).value();
  const Hello hello = DecodeHello(socket.Read(preamble.body_bytes)).value();
  EXPECT_TRUE(socket.Write(Encode(Judge(hello, TestIdentity(as), ""))));
  return socket;
}

}  // namespace firn
