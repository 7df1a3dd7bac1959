// SPDX-License-Identifier: Apache-2.0
//
// Which node to ask next. The leader for as long as it is believed to lead; without one the nodes
// in turn. A leader need not be among the addresses that the client was given.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace firn::client {

// Not thread-safe: the client's mutex guards it.
class Endpoints {
 public:
  // At least one address; asked in this order.
  explicit Endpoints(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {}

  const std::string& Next() const { return leader_.empty() ? addresses_[turn_] : leader_; }
  const std::string& leader() const { return leader_; }  // Empty: none is believed.

  void Leads(std::string address) { leader_ = std::move(address); }
  // A node answered well, so it is where to go on.
  void Serves(const std::string& address) {
    if (leader_.empty()) {
      leader_ = address;
    }
  }
  // Of the node that failed: news about a node that is no longer asked change nothing, so that many
  // calls that fail together move on by one.
  void Fails(const std::string& address) {
    if (address == leader_) {
      leader_.clear();
      if (addresses_[turn_] != address) {
        return;
      }
    }
    if (addresses_[turn_] == address) {
      turn_ = (turn_ + 1) % addresses_.size();
    }
  }

 private:
  std::vector<std::string> addresses_;
  std::size_t turn_ = 0;
  std::string leader_;
};

}  // namespace firn::client
