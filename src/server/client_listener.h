// SPDX-License-Identifier: Apache-2.0
//
// Accepts connections of clients and hands them over, up to a number. gRPC's own acceptor stops for
// ever once descriptors run out (CVE-2023-4785), so this one stands before it: a connection above
// the number is reset at once, and when the process has no descriptor left, one that was kept in
// reserve takes the connection and resets it. Nobody is kept waiting, and as soon as connections
// close others are taken.
//
// One thread of its own, from Start to Stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "firn/result.h"
#include "io/posix_descriptor.h"
#include "server/connection_ledger.h"
#include "server/worker_pool.h"

namespace firn::server {

class ClientListener {
 public:
  struct Statistics {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;  // For want of room or descriptors.
  };

  // Listens on "host:port", on every address that the host has; port 0 takes a free one. kIo names
  // the address and the reason.
  static Result<std::unique_ptr<ClientListener>> Bind(const std::string& address);
  ~ClientListener();  // Stops.
  ClientListener(const ClientListener&) = delete;
  ClientListener& operator=(const ClientListener&) = delete;

  // What it is bound to, with the port that was taken.
  const std::string& address() const { return address_; }

  struct Handover {
    const Clock& clock;
    std::size_t open_max = 0;
    // Takes ownership of the connection. Called in the listener's thread.
    std::function<void(int listener, posix::Descriptor connection)> take;
  };
  // Once.
  void Start(Handover handover);
  // No connection is handed over after it returns, and none can be made.
  void Stop();

  // Thread-safe.
  Statistics GetStatistics() const;

 private:
  ClientListener() = default;

  void Run();
  // Takes what waits at one socket; false when there is nothing to be done but to wait a moment.
  bool AcceptAll(int listener);
  void Take(int listener, posix::Descriptor connection);
  void Refuse(posix::Descriptor connection);
  bool RefuseWithReserve(int listener);

  // Constant after Start.
  std::string address_;
  std::vector<posix::Descriptor> sockets_;
  posix::Descriptor wake_read_;
  posix::Descriptor wake_write_;
  std::function<void(int, posix::Descriptor)> take_;

  // The thread's.
  posix::Descriptor reserve_;
  std::unique_ptr<ConnectionLedger> ledger_;

  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::unique_ptr<WorkerPool> thread_;
};

}  // namespace firn::server
