// SPDX-License-Identifier: Apache-2.0
//
// StorageService (proto/firn/v1/storage.proto): the store of this node, as it is and on request
// flushed and compacted. Flushes and compactions run one after another on a thread of their own.
#pragma once

#include "firn/statistics.h"
#include "firn/v1/storage.pb.h"
#include "server/call_service.h"
#include "server/serving_node.h"

namespace firn::server {

// `node` outlives the service.
CallService MakeStorageService(const ServingNode& node);

// What the tables hold for each byte that a full merge would leave, estimated by the deepest level
// that holds anything: all else is newer, and at worst replaces what is there. 1 for an empty
// store.
double SpaceAmplification(const std::vector<LevelInfo>& levels);

void Describe(const std::vector<LevelInfo>& levels, v1::GetLevelsResponse& response);
void Describe(const Statistics& statistics, v1::GetStorageStatsResponse& response);

}  // namespace firn::server
