// SPDX-License-Identifier: Apache-2.0
//
// How calls that are not carried out end: one table from what the replica, the state machine, the
// engine and the server itself say to gRPC's status, with a reason that programs can act on and a
// text that tells people what to do (docs/protocol/grpc.md lists it). Thread-safe: no state.
#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firn/result.h"
#include "firn/v1/kv.pb.h"
#include "replica/requests.h"

namespace firn::server {

struct Refusal {
  grpc::StatusCode code = grpc::StatusCode::INTERNAL;
  v1::ErrorDetail::Reason reason = v1::ErrorDetail::REASON_UNSPECIFIED;
  std::string text{};  // Lower case, without a final period; ends in what to do.
  NodeId leader{};     // 0: none is known.
  std::string leader_address{};
  std::uint64_t retry_after_ms = 0;
};

// What was asked for decides what a lost answer means.
enum class Asked : std::uint8_t { kWrite, kRead, kMembership };

// Who leads, as far as this node knows.
struct LeaderHint {
  NodeId node;  // 0: nobody.
  std::string address{};
};

// Of every fate but kDone. `reason` is of kRefused.
Refusal RefusalOf(Fate fate, Asked asked, const LeaderHint& leader, std::string_view reason = {});
// Nothing when the command was applied or its condition failed.
std::optional<Refusal> RefusalOf(const Outcome& outcome);
Refusal RefusalOf(const Error& error);
// The server's own.
Refusal InvalidRequest(std::string text);
Refusal Overloaded(std::string text, std::uint64_t retry_after_ms);
Refusal ScanExpired(std::string text);
Refusal Draining();
Refusal Cancelled();

// With the reason in the details.
grpc::Status StatusOf(const Refusal& refusal);
// The same for programs that do not decode details: names and values of trailing metadata.
std::vector<std::pair<std::string, std::string>> MetadataOf(const Refusal& refusal);

}  // namespace firn::server
