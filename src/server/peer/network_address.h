// SPDX-License-Identifier: Apache-2.0
//
// "host:port", as addresses are written in configuration and in the membership: a name, an IPv4
// address, or an IPv6 address in brackets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firn/result.h"

namespace firn {

struct NetworkAddress {
  std::string host;  // Without brackets.
  std::uint16_t port = 0;

  friend bool operator==(const NetworkAddress&, const NetworkAddress&) = default;
};

// kInvalidArgument says what is wrong with it.
Result<NetworkAddress> ParseNetworkAddress(std::string_view text);
std::string Format(const NetworkAddress& address);

}  // namespace firn
