// SPDX-License-Identifier: Apache-2.0
//
// KVService (proto/firn/v1/kv.proto) over a replica. A write is checked, encoded, given to the
// replica and answered when it is applied; a read waits for the replica's word that the store is
// fresh enough, and reads it: in the loop of the call where it is in memory, else on a worker.
//
// A caller whose deadline passes is told so by gRPC; what it had asked to be written may still be.
#pragma once

#include "server/call_service.h"
#include "server/serving_node.h"

namespace firn::server {

// `node` outlives the service.
CallService MakeKvService(const ServingNode& node);

}  // namespace firn::server
