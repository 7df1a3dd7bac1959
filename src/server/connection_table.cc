// SPDX-License-Identifier: Apache-2.0
#include "server/connection_table.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

namespace firn::server {
namespace {

// A peer as gRPC writes it; nothing for a socket of another family.
std::string PeerOf(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return {};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    ::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return "ipv4:" + std::string(text.data()) + ":" + std::to_string(ntohs(four.sin_port));
  }
  if (address.ss_family != AF_INET6) {
    return {};
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &address, sizeof six);
  const std::string port = ":" + std::to_string(ntohs(six.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
    ::inet_ntop(AF_INET, &six.sin6_addr.s6_addr[12], text.data(), text.size());
    return "ipv4:" + std::string(text.data()) + port;
  }
  ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  return "ipv6:%5B" + std::string(text.data()) + "%5D" + port;
}

void Cork(int descriptor, int is_on) {
  static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_CORK, &is_on, sizeof is_on));
}

}  // namespace

void ConnectionTable::Add(int descriptor) {
  std::string peer = PeerOf(descriptor);
  MutexLock lock(mutex_);
  std::string& former = peers_[descriptor];
  if (const auto found = descriptors_.find(former);
      found != descriptors_.end() && found->second == descriptor) {
    descriptors_.erase(found);
  }
  former = peer;
  descriptors_[std::move(peer)] = descriptor;
}

std::optional<int> ConnectionTable::Find(const std::string& peer) const {
  MutexLock lock(mutex_);
  const auto found = descriptors_.find(peer);
  return found == descriptors_.end() ? std::nullopt : std::optional(found->second);
}

void ConnectionTable::HoldBack(int descriptor) { Cork(descriptor, 1); }
void ConnectionTable::LetGo(int descriptor) { Cork(descriptor, 0); }

}  // namespace firn::server
