// SPDX-License-Identifier: Apache-2.0
//
// From "host:port" to sockets that are bound there. Blocks for the system's lookup of a host name.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "firn/result.h"
#include "io/posix_descriptor.h"

namespace firn::server {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  void SetPort(std::uint16_t port);
};

// Every address that the host has. kInvalidArgument when it is not "host:port", kIo when the host
// is not known.
Result<std::vector<SocketAddress>> Resolve(const std::string& address);

// A stream socket that does not block, bound with SO_REUSEADDR. `address` is for the error.
Result<posix::Descriptor> BindTo(const SocketAddress& at, const std::string& address);
// 0 when it is not bound.
std::uint16_t PortOf(const posix::Descriptor& socket);
std::string WithPort(const std::string& address, std::uint16_t port);

}  // namespace firn::server
