// SPDX-License-Identifier: Apache-2.0
//
// A call over gRPC with one request and many responses, each of which is read when it is asked for.
#pragma once

#include <memory>

#include "client/grpc_call.h"
#include "client/transport.h"

namespace firn::client {

std::unique_ptr<ResponseStream> OpenGrpcStream(std::shared_ptr<CallsUnderWay> calls,
                                               std::shared_ptr<grpc::GenericStub> stub,
                                               const Sending& sending);

}  // namespace firn::client
