// SPDX-License-Identifier: Apache-2.0
//
// Connections above the cap, connections that say nothing, and descriptors that run out.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>

#include "base/check.h"
#include "base/clock.h"
#include "server/client_listener.h"
#include "server/connection_ledger.h"
#include "server/server_testing.h"
#include "server/socket_address.h"

namespace firn::server {
namespace {

bool Reaches(const posix::Descriptor& socket, const SocketAddress& to) {
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) == 0;
}

posix::Descriptor ConnectTo(const std::string& address) {
  const SocketAddress to = Resolve(address).value().front();
  posix::Descriptor socket(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() || !Reaches(socket, to)) {
    return {};
  }
  return socket;
}

// While it lives this process may open few descriptors more.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    const posix::Descriptor next(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    FIRN_CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(next.get()) + more;
    FIRN_CHECK(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

  // Sockets, until there can be no more.
  static std::vector<posix::Descriptor> TakeAll(int family) {
    std::vector<posix::Descriptor> taken;
    for (;;) {
      posix::Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (!socket.valid()) {
        EXPECT_EQ(errno, EMFILE);
        return taken;
      }
      taken.push_back(std::move(socket));
    }
  }

 private:
  rlimit before_{};
};

// Blocks until the other side has ended the connection; false: it does not for very long.
bool IsClosedByPeer(const posix::Descriptor& socket) {
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte = 0;
  for (;;) {
    const ssize_t got = posix::Uninterrupted([&] { return ::read(socket.get(), &byte, 1); });
    if (got <= 0) {
      return got == 0 || errno != EAGAIN;
    }
  }
}

class FloodTest : public ServerTest {
 protected:
  // Of somebody who comes by and needs a connection of its own.
  bool IsServed(std::int64_t within_seconds = 60) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);  // As our clients have it.
    const auto stub = v1::ClusterService::NewStub(grpc::CreateCustomChannel(
        server_->addresses().client, grpc::InsecureChannelCredentials(), arguments));
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_seconds(within_seconds, GPR_TIMESPAN)));
    v1::GetStatusResponse response;
    return stub->GetStatus(&context, {}, &response).ok();
  }
};

TEST_F(FloodTest, AboveTheCapConnectionsAreResetAndAfterItOthersAreServed) {
  config_.limits.connections_max = 8;
  Start();
  {
    constexpr std::size_t kConnections = 64;
    std::vector<posix::Descriptor> held;
    held.reserve(kConnections);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < kConnections; ++i) {
      held.push_back(ConnectTo(server_->addresses().client));
    }
    // The last ones are certainly above the cap.
    for (std::size_t i = held.size() - 8; i < held.size(); ++i) {
      refused += !held[i].valid() || IsClosedByPeer(held[i]) ? 1 : 0;
    }
    EXPECT_EQ(refused, 8U);
  }
  EXPECT_TRUE(IsServed());
}

TEST_F(FloodTest, AConnectionThatSaysNothingIsEnded) {
  config_.limits.handshake_max = std::chrono::milliseconds(100);
  Start();
  const posix::Descriptor silent = ConnectTo(server_->addresses().client);
  ASSERT_TRUE(silent.valid());
  EXPECT_TRUE(IsClosedByPeer(silent));
  EXPECT_TRUE(IsServed());
}

TEST_F(FloodTest, GarbageEndsItsConnectionAndNothingElse) {
  Start();
  for (int i = 0; i < 20; ++i) {
    const posix::Descriptor socket = ConnectTo(server_->addresses().client);
    const std::string garbage(1'000, static_cast<char>(i * 13));
    static_cast<void>(::send(socket.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL));
    EXPECT_TRUE(IsClosedByPeer(socket));
  }
  EXPECT_TRUE(IsServed());
}

// What gRPC 1.51 alone does not survive: its own acceptor is deaf from then on.
TEST_F(FloodTest, OnceDescriptorsAreThereAgainACallIsServedWithinASecond) {
  Start();
  const SocketAddress to = Resolve(server_->addresses().client).value().front();
  const FewDescriptors few(32);
  std::vector<posix::Descriptor> flood = FewDescriptors::TakeAll(to.family());
  for (const posix::Descriptor& socket : flood) {
    ASSERT_TRUE(Reaches(socket, to));
  }
  // None of them can be served, so each is turned away.
  for (const posix::Descriptor& socket : flood) {
    ASSERT_TRUE(IsClosedByPeer(socket));
  }
  flood.clear();
  const MonotonicClock clock;
  const auto end_of_flood = clock.Now();
  EXPECT_TRUE(IsServed(1));  // The promise.
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - end_of_flood);
  std::cout << "served " << took.count() << " ms after the flood\n";
}

TEST(ConnectionLedger, ForgetsWhatWasClosedAndWhatTookItsNumber) {
  ManualClock clock;
  clock.Advance(std::chrono::seconds(1));
  ConnectionLedger ledger(clock, 2);
  posix::Descriptor first(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  posix::Descriptor second(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ledger.Add(first.get());
  EXPECT_TRUE(ledger.HasRoom());
  ledger.Add(second.get());
  EXPECT_FALSE(ledger.HasRoom());
  const int number = second.get();
  second = posix::Descriptor();
  const posix::Descriptor other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(other.get(), number);
  EXPECT_FALSE(ledger.HasRoom()) << "it looked a moment ago";
  clock.Advance(std::chrono::milliseconds(11));
  EXPECT_TRUE(ledger.HasRoom());
  EXPECT_EQ(ledger.CountOpen(), 1U);
}

TEST(ClientListener, NamesWhatItCannotListenOn) {
  EXPECT_EQ(ClientListener::Bind("nonsense").error().code, ErrorCode::kInvalidArgument);
  const auto taken = ClientListener::Bind("127.0.0.1:0").value();
  const auto again = ClientListener::Bind(taken->address());
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().context.find(taken->address()), std::string::npos);
}

}  // namespace
}  // namespace firn::server
