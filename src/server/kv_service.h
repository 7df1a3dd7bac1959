// SPDX-License-Identifier: Apache-2.0
//
// KVService (proto/firn/v1/kv.proto) over a replica. A write is checked, encoded, given to the
// replica and answered when it is applied; a read waits for the replica's word that the store is
// fresh enough, and reads it on a worker. Nothing blocks gRPC's threads, and the replica's task
// does no more for an answer than hand it over.
//
// A caller whose deadline passes is told so by gRPC; what it had asked to be written may still be.
#pragma once

#include <memory>

#include "server/serving_node.h"

namespace grpc {
class Service;
}

namespace firn::server {

// `node` outlives the service.
std::unique_ptr<grpc::Service> MakeKvService(const ServingNode& node);

}  // namespace firn::server
