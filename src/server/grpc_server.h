// SPDX-License-Identifier: Apache-2.0
//
// The services on the wire: gRPC with its limits set, health (grpc.health.v1) and reflection, over
// connections that ClientListener hands in. The rest of the server need not include gRPC for it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "firn/result.h"
#include "server/call_service.h"
#include "server/client_listener.h"
#include "server/config.h"
#include "server/connection_table.h"
#include "server/health_service.h"
#include "server/limits.h"

namespace firn::server {

class GrpcServer {
 public:
  struct Setup {
    std::unique_ptr<ClientListener> listener;  // Bound, not started.
    std::vector<CallService> services;
    std::size_t loops = 1;  // Threads that read requests and answer them.
    Limits limits;
    TlsFiles tls;
    ClientCertificates client_certificates = ClientCertificates::kIgnored;
    bool reflection = true;
    const Clock& clock;
  };
  // Serves from then on; health says NOT_SERVING until told. kInvalidArgument names a certificate
  // that cannot be used; kNotFound, kIo.
  static Result<std::unique_ptr<GrpcServer>> Start(Setup setup);
  ~GrpcServer();  // Cancels what is under way.
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // What health says of the server and of each service.
  void SetServing(bool serving) { health_.SetServing(serving); }
  // Takes no connections any more. Those that there are go on.
  void StopAccepting();
  // Refuses new requests, waits for those under way and cancels what is left after `drain`. Blocks
  // until the last has ended, which may take as long as a disk takes.
  void Shutdown(std::chrono::milliseconds drain);

  const std::string& address() const { return setup_.listener->address(); }
  ClientListener::Statistics GetListenerStatistics() const {
    return setup_.listener->GetStatistics();
  }

 private:
  struct Wire;  // What is gRPC's.

  explicit GrpcServer(Setup setup);
  Result<void> Build();
  void StartLoops();
  void StartListening();

  Setup setup_;
  HealthBoard health_;
  ConnectionTable connections_;
  const std::unique_ptr<Wire> wire_;
};

}  // namespace firn::server
