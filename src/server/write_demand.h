// SPDX-License-Identifier: Apache-2.0
//
// From the requests of clients that change something to commands of the replica, and from outcomes
// to responses. Everything that can be known to be wrong is refused here, before anything is
// proposed. Pure functions over untrusted requests; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "firn/v1/kv.pb.h"
#include "replica/command.h"
#include "server/limits.h"
#include "server/refusal.h"

namespace firn::server {

// The condition points into the request, which outlives the demand; the operations are its own.
struct WriteDemand {
  Command::Kind kind = Command::Kind::kWrite;
  RequestTag tag{};
  Condition condition{};
  std::string operations{};

  // Points into this.
  Command AsCommand() const {
    return {.kind = kind, .tag = tag, .condition = condition, .operations = operations};
  }
};

using Demand = std::variant<WriteDemand, Refusal>;

// Nothing when it is a key that clients may use.
std::optional<Refusal> CheckKey(std::string_view key, const Limits& limits);

Demand DemandOf(const v1::PutRequest& request, const Limits& limits);
Demand DemandOf(const v1::DeleteRequest& request, const Limits& limits);
Demand DemandOf(const v1::BatchWriteRequest& request, const Limits& limits);
Demand DemandOf(const v1::CompareAndSetRequest& request, const Limits& limits);
Demand DemandOf(const v1::OpenSessionRequest& request, const Limits& limits);
Demand DemandOf(const v1::CloseSessionRequest& request, const Limits& limits);

// Fills the response, or says why there is none.
std::optional<Refusal> Answer(const Outcome& outcome, v1::PutResponse& response);
std::optional<Refusal> Answer(const Outcome& outcome, v1::DeleteResponse& response);
std::optional<Refusal> Answer(const Outcome& outcome, v1::BatchWriteResponse& response);
std::optional<Refusal> Answer(const Outcome& outcome, v1::CompareAndSetResponse& response);
std::optional<Refusal> Answer(const Outcome& outcome, v1::OpenSessionResponse& response);
std::optional<Refusal> Answer(const Outcome& outcome, v1::CloseSessionResponse& response);

}  // namespace firn::server
