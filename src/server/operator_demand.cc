// SPDX-License-Identifier: Apache-2.0
#include "server/operator_demand.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "storage/version/table_meta.h"

namespace firn::server {
namespace {

// "host:port" with something on both sides; whether anything is there shows later.
bool IsAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == address.size()) {
    return false;
  }
  const std::string_view port = address.substr(colon + 1);
  return port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::all_of(address.begin(), address.end(), [](char c) { return c > ' ' && c < 127; });
}

bool IsDirectoryId(std::string_view id) {
  return id.size() == 16 && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

MembershipDemand Named(MembershipRequest::Kind kind, std::uint64_t node) {
  if (node == 0) {
    return InvalidRequest("node 0 is nobody: name one");
  }
  return MembershipRequest{.kind = kind, .node = {node}, .member = {}};
}

}  // namespace

MembershipDemand DemandOf(const v1::AddMemberRequest& request, const Limits& limits) {
  for (const std::string& address : {request.peer_address(), request.client_address()}) {
    if (address.size() > limits.address_bytes_max || !IsAddress(address)) {
      return InvalidRequest("peer_address and client_address have to be host:port, at most " +
                            std::to_string(limits.address_bytes_max) + " characters");
    }
  }
  if (!IsDirectoryId(request.directory_id())) {
    return InvalidRequest("directory_id has to be 16 hexadecimal digits, as IDENTITY has it");
  }
  return MembershipRequest{.kind = MembershipRequest::Kind::kAdd,
                           .node = {request.node_id()},
                           .member = {.directory = request.directory_id(),
                                      .peer_address = request.peer_address(),
                                      .client_address = request.client_address()}};
}

MembershipDemand DemandOf(const v1::PromoteMemberRequest& request) {
  return Named(MembershipRequest::Kind::kPromote, request.node_id());
}

MembershipDemand DemandOf(const v1::RemoveMemberRequest& request) {
  return Named(MembershipRequest::Kind::kRemove, request.node_id());
}

std::variant<CompactionDemand, Refusal> DemandOf(const v1::TriggerCompactionRequest& request) {
  constexpr auto kLevelMax = static_cast<std::uint32_t>(kLevelCount - 2);
  if (request.level() > kLevelMax) {
    return InvalidRequest("level " + std::to_string(request.level()) +
                          " has none below it: name one from 0 to " + std::to_string(kLevelMax));
  }
  return CompactionDemand{.all = request.all(), .level = static_cast<int>(request.level())};
}

}  // namespace firn::server
