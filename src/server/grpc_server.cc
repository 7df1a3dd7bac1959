// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_server.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <mutex>
#include <utility>

#include "base/propagate.h"
#include "io/posix_file_system.h"

namespace firn::server {
namespace {

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;
using std::chrono::milliseconds;

// A connection that is silent is asked whether it is alive; one that asks us too often is closed.
constexpr milliseconds kKeepalive{60'000};
constexpr milliseconds kKeepaliveAnswer{20'000};
constexpr milliseconds kPingInterval{5'000};
constexpr int kPingStrikes = 2;
constexpr milliseconds kIdleMax{15 * 60'000};
// Long-lived connections are renewed, so that clients spread after nodes were added. Calls under
// way have the grace to end.
constexpr milliseconds kAgeMax{60 * 60'000};
constexpr milliseconds kAgeGrace{5 * 60'000};
// Messages that are being received or wait to be sent, of all connections.
constexpr std::size_t kTransportBytes = std::size_t{256} << 20;

int Count(milliseconds duration) { return static_cast<int>(duration.count()); }

void SetUpOnce(bool reflection) {
  static std::once_flag process_once;
  std::call_once(process_once, [] {
    // Debian's Abseil records the order of all locks that gRPC takes: a twentieth of a leader.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  });
  if (reflection) {
    static std::once_flag reflection_once;
    std::call_once(reflection_once,
                   [] { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); });
  }
}

void LimitConnections(const Limits& limits, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.streams_max);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits.metadata_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Count(limits.handshake_max));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Count(kKeepalive));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Count(kKeepaliveAnswer));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Count(kPingInterval));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kPingStrikes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Count(kIdleMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Count(kAgeMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Count(kAgeGrace));
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.MessageBytesMax()));
  builder.SetMaxSendMessageSize(-1);
  grpc::ResourceQuota quota("firn");
  quota.Resize(kTransportBytes);
  builder.SetResourceQuota(quota);
  // Of the few synchronous services, which are gRPC's own.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

grpc_ssl_client_certificate_request_type RequestOf(ClientCertificates certificates) {
  switch (certificates) {
    case ClientCertificates::kIgnored: return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientCertificates::kOptional: return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientCertificates::kRequired:
      return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

Result<std::string> ReadPem(const std::string& path) {
  FIRN_TRY_ASSIGN(std::string text, ReadWholeFile(*PosixFileSystem(), path));
  if (text.find("-----BEGIN ") == std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, path + " holds no PEM: name another file"};
  }
  return text;
}

Result<std::shared_ptr<grpc::ServerCredentials>> CredentialsOf(const TlsFiles& tls,
                                                               ClientCertificates certificates) {
  if (!tls.is_on()) {
    return grpc::InsecureServerCredentials();
  }
  grpc::SslServerCredentialsOptions options(RequestOf(certificates));
  FIRN_TRY_ASSIGN(std::string key, ReadPem(tls.key));
  FIRN_TRY_ASSIGN(std::string certificate, ReadPem(tls.certificate));
  options.pem_key_cert_pairs.push_back(
      {.private_key = std::move(key), .cert_chain = std::move(certificate)});
  if (!tls.authority.empty()) {
    FIRN_TRY_ASSIGN(options.pem_root_certs, ReadPem(tls.authority));
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace

struct GrpcServer::Wire {
  std::unique_ptr<Acceptor> acceptor;
  std::vector<std::unique_ptr<CallLoop>> loops;
  std::unique_ptr<grpc::Server> server;
};

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(Setup setup) {
  SetUpOnce(setup.reflection);
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::move(setup)));
  FIRN_TRY(server->Build());
  server->StartLoops();
  server->StartListening();
  return server;
}

GrpcServer::GrpcServer(Setup setup)
    : setup_(std::move(setup)),
      health_({"firn.v1.KVService", "firn.v1.StorageService", "firn.v1.ClusterService"}),
      wire_(std::make_unique<Wire>()) {
  setup_.services.push_back(MakeHealthService(health_));
}

// The loops outlive the server, which goes on in them until its last call has ended.
GrpcServer::~GrpcServer() {
  StopAccepting();
  if (wire_->server) {
    Shutdown(milliseconds(0));
  }
  wire_->loops.clear();
}

Result<void> GrpcServer::Build() {
  FIRN_TRY_ASSIGN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                  CredentialsOf(setup_.tls, setup_.client_certificates));
  grpc::ServerBuilder builder;
  LimitConnections(setup_.limits, builder);
  wire_->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  for (const CallService& service : setup_.services) {
    builder.RegisterService(service.service.get());
  }
  for (std::size_t i = 0; i < setup_.loops; ++i) {
    wire_->loops.push_back(std::make_unique<CallLoop>(builder.AddCompletionQueue(), connections_));
  }
  wire_->server = builder.BuildAndStart();
  if (!wire_->server) {
    return Error{ErrorCode::kInvalidArgument,
                 "start gRPC for " + address() +
                     ": refused; check the certificate and its key in " + setup_.tls.certificate};
  }
  return {};
}

void GrpcServer::StartLoops() {
  for (const std::unique_ptr<CallLoop>& loop : wire_->loops) {
    for (const CallService& service : setup_.services) {
      for (const std::unique_ptr<CallSource>& method : service.methods) {
        method->AskAhead(*loop);
      }
    }
    loop->Start();
  }
}

void GrpcServer::StartListening() {
  setup_.listener->Start({.clock = setup_.clock,
                          .open_max = static_cast<std::size_t>(setup_.limits.connections_max),
                          .take = [this](int listener, posix::Descriptor connection) {
                            connections_.Add(connection.get());
                            Acceptor::NewConnectionParameters parameters;
                            parameters.listener_fd = listener;
                            parameters.fd = connection.Release();
                            wire_->acceptor->HandleNewConnection(&parameters);
                          }});
}

void GrpcServer::StopAccepting() { setup_.listener->Stop(); }

void GrpcServer::Shutdown(milliseconds drain) {
  const gpr_timespec deadline =
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(drain.count(), GPR_TIMESPAN));
  wire_->server->Shutdown(deadline);
}

}  // namespace firn::server
