// SPDX-License-Identifier: Apache-2.0
#include "server/unary_call.h"

namespace firn::server {

namespace {

constexpr std::uint64_t kChoreRetryMs = 1'000;

}  // namespace

Refusal TooManyChores() {
  return Overloaded("too many flushes and compactions wait", kChoreRetryMs);
}

grpc::Status Refused(grpc::ServerContext& context, const Refusal& refusal) {
  for (const auto& [name, value] : MetadataOf(refusal)) {
    context.AddTrailingMetadata(name, value);
  }
  return StatusOf(refusal);
}

bool MayForward(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("firn-forward");
  return found == metadata.end() || found->second != "no";
}

void UnaryCall::End(const grpc::Status& status) {
  node_.counts.Count(method_, status.error_code());
  Answer(status);
}

// First that the request is here, then that the answer has left; or neither, when the server shuts
// down.
void UnaryCall::Happened(bool ok) {
  if (has_begun_) {
    node_.counts.Done();
  }
  if (has_begun_ || !ok) {
    const std::unique_ptr<UnaryCall> ends(this);
    return;
  }
  has_begun_ = true;
  node_.counts.Begin();
  place_.source.Ask(place_.loop);
  Begin();
}

}  // namespace firn::server
