// SPDX-License-Identifier: Apache-2.0
//
// A new channel for each attempt: attempts are few, and one that was made while a node was down
// would wait out gRPC's own back-off.
#include "server/cluster_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <utility>

#include "base/propagate.h"
#include "firn/v1/cluster.grpc.pb.h"
#include "io/posix_file_system.h"
#include "server/log.h"

namespace firn::server {
namespace {

constexpr std::chrono::milliseconds kAttemptMax{5'000};
constexpr std::chrono::milliseconds kRetry{200};

// Whether asking again as before cannot help.
bool IsFinal(grpc::StatusCode code) {
  return code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::UNIMPLEMENTED ||
         code == grpc::StatusCode::PERMISSION_DENIED || code == grpc::StatusCode::UNAUTHENTICATED ||
         code == grpc::StatusCode::ALREADY_EXISTS;
}

std::string TrailerOf(const grpc::ClientContext& context, const char* name) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(name);
  return found == trailers.end() ? "" : std::string(found->second.data(), found->second.size());
}

std::chrono::nanoseconds Nanoseconds(std::chrono::milliseconds duration) { return duration; }

}  // namespace

Result<std::unique_ptr<ClusterClient>> ClusterClient::Make(Setup setup) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (setup.tls.is_on()) {
    const auto files = PosixFileSystem();
    grpc::SslCredentialsOptions options;
    FIRN_TRY_ASSIGN(options.pem_cert_chain, ReadWholeFile(*files, setup.tls.certificate));
    FIRN_TRY_ASSIGN(options.pem_private_key, ReadWholeFile(*files, setup.tls.key));
    if (!setup.tls.authority.empty()) {
      FIRN_TRY_ASSIGN(options.pem_root_certs, ReadWholeFile(*files, setup.tls.authority));
    }
    credentials = grpc::SslCredentials(options);
  }
  return std::unique_ptr<ClusterClient>(
      new ClusterClient(std::move(setup), std::move(credentials)));
}

void ClusterClient::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

bool ClusterClient::Pause() {
  if (setup_.is_stopping && setup_.is_stopping()) {
    return false;
  }
  MutexLock lock(mutex_);
  return !setup_.scheduler->WaitFor(mutex_, changed_, Nanoseconds(kRetry),
                                    [this]() FIRN_REQUIRES(mutex_) { return stopped_; });
}

template <typename Attempt>
Result<void> ClusterClient::Persist(bool is_patient, const Attempt& attempt) {
  std::string reported;
  for (;;) {
    const auto stub = v1::ClusterService::NewStub(grpc::CreateChannel(endpoint_, credentials_));
    grpc::ClientContext context;
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_millis(kAttemptMax.count(), GPR_TIMESPAN)));
    const grpc::Status status = attempt(*stub, context);
    if (status.ok()) {
      return {};
    }
    const std::string reason = TrailerOf(context, "firn-reason");
    const bool is_refused = reason == "REFUSED" && !is_patient;
    if (IsFinal(status.error_code()) || is_refused) {
      return Error{ErrorCode::kInvalidArgument, endpoint_ + ": " + status.error_message()};
    }
    if (status.error_message() != reported) {
      reported = status.error_message();
      Log(LogLevel::kInfo, "the cluster was asked and will be again",
          {{"endpoint", endpoint_}, {"answer", reported}});
    }
    const std::string leader = TrailerOf(context, "firn-leader");
    const bool follows = !leader.empty() && leader != endpoint_;
    endpoint_ = follows ? leader : setup_.endpoint;
    if (!Pause()) {
      return Error{ErrorCode::kClosed, "told to stop before the cluster at " + setup_.endpoint +
                                           " had agreed: " + status.error_message()};
    }
  }
}

Result<ClusterClient::Admission> ClusterClient::AddMember(const Member& member) {
  v1::AddMemberRequest request;
  request.set_peer_address(member.peer_address);
  request.set_client_address(member.client_address);
  request.set_directory_id(member.directory);
  v1::AddMemberResponse response;
  FIRN_TRY(Persist(false, [&](v1::ClusterService::Stub& stub, grpc::ClientContext& context) {
    return stub.AddMember(&context, request, &response);
  }));
  Admission admission{
      .cluster = response.cluster_id(), .node = {response.node_id()}, .members = {}};
  for (const v1::Member& known : response.members()) {
    admission.members.emplace_back(NodeId{known.node_id()},
                                   Member{.directory = known.directory_id(),
                                          .peer_address = known.peer_address(),
                                          .client_address = known.client_address()});
  }
  return admission;
}

Result<void> ClusterClient::Promote(NodeId node) {
  v1::PromoteMemberRequest request;
  request.set_node_id(node.value);
  return Persist(true, [&](v1::ClusterService::Stub& stub, grpc::ClientContext& context) {
    v1::PromoteMemberResponse response;
    return stub.PromoteMember(&context, request, &response);
  });
}

}  // namespace firn::server
