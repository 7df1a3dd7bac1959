// SPDX-License-Identifier: Apache-2.0
//
// The client's seams over gRPC: unary calls of bytes on channels that are opened when first needed,
// and alarms of its event engine. Everything calls back from gRPC's own threads.
#pragma once

#include <memory>

#include "client/options.h"
#include "client/transport.h"

namespace firn::client {

std::shared_ptr<Transport> MakeGrpcTransport(const ClientOptions& options);
std::shared_ptr<Alarms> MakeGrpcAlarms();

}  // namespace firn::client
