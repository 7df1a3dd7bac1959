// SPDX-License-Identifier: Apache-2.0
#include "server/port_reservation.h"

#include <utility>

#include "base/propagate.h"
#include "server/socket_address.h"

namespace firn::server {

Result<PortReservation> PortReservation::Take(const std::string& address) {
  FIRN_TRY_ASSIGN(const std::vector<SocketAddress> resolved, Resolve(address));
  FIRN_TRY_ASSIGN(posix::Descriptor socket, BindTo(resolved.front(), address));
  std::string bound = WithPort(address, PortOf(socket));
  return PortReservation(std::move(socket), std::move(bound));
}

}  // namespace firn::server
