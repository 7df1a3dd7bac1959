// SPDX-License-Identifier: Apache-2.0
//
// From the requests of operators, about members and about the store of one node, to what the
// replica and the engine are asked. What can be known to be wrong is refused here, before anybody
// is asked. Pure functions over untrusted requests; thread-safe.
#pragma once

#include <variant>

#include "firn/v1/cluster.pb.h"
#include "firn/v1/storage.pb.h"
#include "replica/requests.h"
#include "server/limits.h"
#include "server/refusal.h"

namespace firn::server {

using MembershipDemand = std::variant<MembershipRequest, Refusal>;

MembershipDemand DemandOf(const v1::AddMemberRequest& request, const Limits& limits);
MembershipDemand DemandOf(const v1::PromoteMemberRequest& request);
MembershipDemand DemandOf(const v1::RemoveMemberRequest& request);

// Which levels are merged into the ones below them.
struct CompactionDemand {
  bool all = false;
  int level = 0;  // Unless all are.
};

std::variant<CompactionDemand, Refusal> DemandOf(const v1::TriggerCompactionRequest& request);

}  // namespace firn::server
