// SPDX-License-Identifier: Apache-2.0
//
// Keeps a port until its user takes it. A node that joins must tell its peer address before it is
// given the identity with which it listens there. The socket is bound and never listens, and what
// binds with SO_REUSEADDR may take the port beside it.
#pragma once

#include <string>

#include "firn/result.h"
#include "io/posix_descriptor.h"

namespace firn::server {

class PortReservation {
 public:
  // "host:port"; port 0 takes a free one. kIo when the port is in use.
  static Result<PortReservation> Take(const std::string& address);

  // With the port that was taken.
  const std::string& address() const { return address_; }

 private:
  PortReservation(posix::Descriptor socket, std::string address)
      : socket_(std::move(socket)), address_(std::move(address)) {}

  posix::Descriptor socket_;
  std::string address_;
};

}  // namespace firn::server
