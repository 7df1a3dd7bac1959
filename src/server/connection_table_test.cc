// SPDX-License-Identifier: Apache-2.0
#include "server/connection_table.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/posix_descriptor.h"

namespace firn::server {
namespace {

using posix::Descriptor;

// A connection to itself on loopback: what was accepted, and the port it came from.
struct Accepted {
  Descriptor client;
  Descriptor server;
  std::string port;
};

template <typename Address>
Accepted Connect(Address address, in_port_t Address::* port) {
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const Descriptor listener(::socket(raw->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(listener.get(), raw, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), raw, &size), 0);
  Accepted accepted;
  accepted.client = Descriptor(::socket(raw->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(accepted.client.get(), raw, size), 0);
  accepted.server = Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(::getsockname(accepted.client.get(), raw, &size), 0);
  accepted.port = std::to_string(ntohs(address.*port));
  return accepted;
}

Accepted ConnectByIpv4() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return Connect(address, &sockaddr_in::sin_port);
}

bool IsHeldBack(const Descriptor& socket) {
  int is_on = 0;
  socklen_t size = sizeof is_on;
  EXPECT_EQ(::getsockopt(socket.get(), IPPROTO_TCP, TCP_CORK, &is_on, &size), 0);
  return is_on != 0;
}

TEST(ConnectionTable, FindsAConnectionByWhatItsPeerIsCalled) {
  const Accepted accepted = ConnectByIpv4();
  ConnectionTable table;
  table.Add(accepted.server.get());
  EXPECT_EQ(table.Find("ipv4:127.0.0.1:" + accepted.port), accepted.server.get());
  EXPECT_FALSE(table.Find("ipv4:127.0.0.1:1"));
}

TEST(ConnectionTable, FindsAConnectionByIpv6) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (!Descriptor(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)).valid()) {
    GTEST_SKIP() << "no IPv6 here";
  }
  const Accepted accepted = Connect(address, &sockaddr_in6::sin6_port);
  ConnectionTable table;
  table.Add(accepted.server.get());
  EXPECT_EQ(table.Find("ipv6:%5B::1%5D:" + accepted.port), accepted.server.get());
}

TEST(ConnectionTable, ForgetsAConnectionWhoseDescriptorIsAnothers) {
  ConnectionTable table;
  Accepted first = ConnectByIpv4();
  const int descriptor = first.server.get();
  table.Add(descriptor);
  const Accepted second = ConnectByIpv4();
  ASSERT_EQ(::dup2(second.server.get(), descriptor), descriptor);
  table.Add(descriptor);
  EXPECT_FALSE(table.Find("ipv4:127.0.0.1:" + first.port));
  EXPECT_EQ(table.Find("ipv4:127.0.0.1:" + second.port), descriptor);
}

TEST(ConnectionTable, WhatIsHeldBackIsLetGo) {
  const Accepted accepted = ConnectByIpv4();
  ConnectionTable::HoldBack(accepted.server.get());
  EXPECT_TRUE(IsHeldBack(accepted.server));
  ConnectionTable::LetGo(accepted.server.get());
  EXPECT_FALSE(IsHeldBack(accepted.server));
}

}  // namespace
}  // namespace firn::server
