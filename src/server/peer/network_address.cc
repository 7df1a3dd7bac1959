// SPDX-License-Identifier: Apache-2.0
#include "server/peer/network_address.h"

#include <charconv>

#include "base/printable.h"

namespace firn {

Result<NetworkAddress> ParseNetworkAddress(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument, "address '" + Printable(text) + "' " +
                                                  std::string(why) +
                                                  ": write it as host:port or [ipv6]:port"};
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return refuse("has no port");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return refuse("has colons in its host");
  }
  if (host.empty()) {
    return refuse("has no host");
  }
  const std::string_view digits = text.substr(colon + 1);
  NetworkAddress address{.host = std::string(host), .port = 0};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return refuse("has no port between 0 and 65535");
  }
  return address;
}

std::string Format(const NetworkAddress& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace firn
