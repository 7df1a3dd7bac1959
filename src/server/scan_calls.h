// SPDX-License-Identifier: Apache-2.0
//
// Scans under way: one page at a time with tokens between them (Scan), or all pages as fast as they
// are taken (ScanStream). At most one page of each is in memory.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "firn/v1/kv.pb.h"
#include "server/serving_node.h"
#include "server/unary_call.h"

namespace firn::server {

// Answers once the store is as fresh as a read with this consistency needs.
void AwaitFreshness(Replica& replica, const v1::Consistency& consistency,
                    const std::function<void(Fate)>& reply);

grpc::ServerUnaryReactor* StartScan(const UnaryCall::Call& call, const v1::ScanRequest& request,
                                    v1::ScanResponse& response);
grpc::ServerWriteReactor<v1::ScanResponse>* StartScanStream(const ServingNode& node,
                                                            grpc::CallbackServerContext& context,
                                                            const v1::ScanRequest& request);

}  // namespace firn::server
