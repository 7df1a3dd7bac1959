// SPDX-License-Identifier: Apache-2.0
//
// How a data directory becomes a node's: it is one already, or the first of a new cluster, or one
// that a cluster has agreed to add. Ends with IDENTITY in place, after which the directory is the
// same node for ever.
#pragma once

#include <functional>
#include <string>

#include "firn/result.h"
#include "replica/identity.h"
#include "replica/node_directory.h"
#include "server/cluster_client.h"

namespace firn::server {

// What others are told of a node.
struct ToldAddresses {
  std::string client;
  std::string peer;
};

enum class Arrival : std::uint8_t { kReturned, kFounded, kJoined };

struct AdmittedNode {
  Identity identity;
  Arrival arrival = Arrival::kReturned;
};

// Makes the directory of the first node of a new cluster. As CreateNode.
Result<AdmittedNode> FoundCluster(const NodeSetup& setup, const ToldAddresses& told);

// Asks the cluster to add this directory, as the one that JOIN names if an earlier attempt was cut
// short, and makes it. Blocks until the cluster answers. `cluster` outlives the call.
Result<AdmittedNode> JoinCluster(const NodeSetup& setup, const ToldAddresses& told,
                                 const std::string& through, ClusterClient& cluster);

}  // namespace firn::server
