// SPDX-License-Identifier: Apache-2.0
//
// A node that joins a cluster is known there by the random id of its data directory before it has
// one. JOIN remembers that id, and the addresses that were told, from the first attempt on, so that
// one that was cut short is repeated as the same node; it is deleted when the node has all it asked
// for. ADDRESSES remembers the ports of a node that takes free ones, so that others find it again.
//
// Both are small text files, "name value" a line, written in one piece.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "firn/result.h"

namespace firn::server {

struct JoinAttempt {
  std::uint64_t directory = 0;
  std::string through;         // The node that is asked.
  std::string client_address;  // What was told of this one.
  std::string peer_address;

  friend bool operator==(const JoinAttempt&, const JoinAttempt&) = default;
};

// Nothing when there is none; kCorruption names the file.
Result<std::optional<JoinAttempt>> ReadJoinFile(const std::string& directory);
// Replaces one that is there; makes the directory when missing. Durable.
Result<void> WriteJoinFile(const std::string& directory, const JoinAttempt& attempt);
Result<void> DeleteJoinFile(const std::string& directory);

struct BoundAddresses {
  std::string client;
  std::string peer;
  std::string http;

  friend bool operator==(const BoundAddresses&, const BoundAddresses&) = default;
};
// What is not there or not understood is empty: it only serves to take the same ports again.
BoundAddresses ReadAddressesFile(const std::string& directory);
Result<void> WriteAddressesFile(const std::string& directory, const BoundAddresses& addresses);

// `address` with the port that was `bound` before, if it asks for any; else as it is.
std::string WithFormerPort(const std::string& address, const std::string& bound);

}  // namespace firn::server
