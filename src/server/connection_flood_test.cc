// SPDX-License-Identifier: Apache-2.0
//
// Connections above the cap, connections that say nothing, and descriptors that run out.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/client_listener.h"
#include "server/connection_ledger.h"
#include "server/server_testing.h"
#include "server/socket_address.h"

namespace firn::server {
namespace {

posix::Descriptor ConnectTo(const std::string& address) {
  const SocketAddress to = Resolve(address).value().front();
  posix::Descriptor socket(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0) {
    return {};
  }
  return socket;
}

// Blocks until the other side has ended the connection.
bool IsClosedByPeer(const posix::Descriptor& socket) {
  char byte = 0;
  for (;;) {
    const ssize_t got = posix::Uninterrupted([&] { return ::read(socket.get(), &byte, 1); });
    if (got <= 0) {
      return true;
    }
  }
}

class FloodTest : public ServerTest {
 protected:
  // Of somebody who comes by and needs a connection of its own.
  bool IsServed() {
    const auto stub = v1::ClusterService::NewStub(NewChannel());
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(60, GPR_TIMESPAN)));
    v1::GetStatusResponse response;
    return stub->GetStatus(&context, {}, &response).ok();
  }
};

TEST_F(FloodTest, AboveTheCapConnectionsAreResetAndAfterItOthersAreServed) {
  config_.limits.connections_max = 8;
  Start();
  {
    std::vector<posix::Descriptor> held;
    std::size_t refused = 0;
    for (int i = 0; i < 64; ++i) {
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

// What gRPC 1.51 alone does not survive.
TEST_F(FloodTest, DescriptorsThatRunOutAreNotForEver) {
  Start();
  std::vector<posix::Descriptor> ballast;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  posix::Descriptor waiting = ConnectTo(server_->addresses().client);  // A number to start from.
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(waiting.get()) + 32;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (;;) {
    posix::Descriptor socket = ConnectTo(server_->addresses().client);
    if (!socket.valid()) {
      break;
    }
    ballast.push_back(std::move(socket));
  }
  ballast.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(IsServed());
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
