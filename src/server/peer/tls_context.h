// SPDX-License-Identifier: Apache-2.0
//
// TLS as peers speak it: version 1.3, certificates on both sides, both of the cluster's authority.
#pragma once

#include <asio/ssl/context.hpp>

#include "firn/result.h"
#include "server/peer/peer_transport.h"

namespace firn {

// kIo names the file that cannot be used and why; kInvalidArgument when the certificate does not
// name this node, which every peer would refuse.
Result<void> ConfigureTls(asio::ssl::context& context, const PeerTls& files, NodeId self);

}  // namespace firn
