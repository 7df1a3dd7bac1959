// SPDX-License-Identifier: Apache-2.0
//
// A whole node: its data directory, made or joined where there is none yet, the replica, the wire
// to its peers and the services for clients. One object in a process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "firn/result.h"
#include "replica/identity.h"
#include "server/config.h"
#include "server/node_admission.h"

namespace firn::server {

struct ServerAddresses {
  std::string client;
  std::string peer;
  std::string http;  // Empty: there is none.
};

class Server {
 public:
  struct Events {
    // Once, from any thread: the node takes no part any more. The process should end.
    std::function<void(const Error&)> on_failure;
    // Asked now and then while a node waits to be let into a cluster: true ends that.
    std::function<bool()> is_stopping;
  };

  // Serves when it returns. Blocks for the recovery of the log, and, for a node that joins, until
  // the cluster agrees. Errors name the setting, the address or the file.
  static Result<std::unique_ptr<Server>> Start(const Config& config, Events events);
  // Without Drain: as if killed, but in order.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const Identity& identity() const;
  Arrival arrival() const;
  const ServerAddresses& addresses() const;

  // Hands leadership over, refuses what is new, lets what is under way end within the time that is
  // configured, and writes memtables to tables. Blocks; longer than that only while a disk hangs.
  Result<void> Drain();

 private:
  class Node;
  explicit Server(std::unique_ptr<Node> node);
  const std::unique_ptr<Node> node_;
};

}  // namespace firn::server
