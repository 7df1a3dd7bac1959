// SPDX-License-Identifier: Apache-2.0
//
// One page of a scan: which part of the key space a request names, and reading so much of it as
// fits. Keys of the reserved prefix are never shown. Reading may wait for a disk. Thread-safe: no
// state.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "firn/iterator.h"
#include "firn/v1/kv.pb.h"
#include "server/limits.h"
#include "server/page_token.h"
#include "server/refusal.h"
#include "server/scan_pins.h"

namespace firn::server {

// What a scan asks for. [lower, upper) holds no reserved key.
struct ScanPlan {
  std::string lower{};
  std::string upper{};  // Never empty.
  bool reverse = false;
  bool keys_only = false;
  std::size_t entries_max = 0;  // Of a page; 0: as many as fit.

  bool is_empty() const { return lower >= upper; }
  // Goes on beyond the last key of the page before.
  void ContinueAfter(const std::string& last_key);
};

std::variant<ScanPlan, Refusal> PlanOf(const v1::ScanRequest& request, const Limits& limits);
// Equal for requests that may follow each other with page tokens.
std::uint64_t QueryHash(const v1::ScanRequest& request);
// Of a request that has one: its page token, if it is of this scan and of this run of this node.
std::variant<PageToken, Refusal> TokenOf(const v1::ScanRequest& request, const PageTokenSeal& seal,
                                         NodeId self);

// At the first entry of the plan.
Iterator OpenScan(const PinnedState& state, const ScanPlan& plan);

// Moves entries from the iterator into the response until one of the limits is met. True: there are
// more, and the iterator stands at the next. kCorruption, kIo.
Result<bool> FillPage(Iterator& iterator, const ScanPlan& plan, std::size_t bytes_max,
                      v1::ScanResponse& page);

}  // namespace firn::server
