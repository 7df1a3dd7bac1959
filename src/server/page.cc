// SPDX-License-Identifier: Apache-2.0
#include "server/page.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/propagate.h"
#include "replica/session_table.h"

namespace firn::server {
namespace {

// What an entry adds to a message besides its bytes, about.
constexpr std::size_t kEntryOverhead = 16;

}  // namespace

void ScanPlan::ContinueAfter(const std::string& last_key) {
  if (reverse) {
    upper = std::min(upper, last_key);
  } else {
    std::string next = last_key;
    next.push_back('\0');  // No key lies between.
    lower = std::max(lower, next);
  }
}

std::variant<ScanPlan, Refusal> PlanOf(const v1::ScanRequest& request, const Limits& limits) {
  // A bound may be the successor of the longest key.
  const std::size_t bound_bytes_max = limits.key_bytes_max + 1;
  if (request.start().size() > bound_bytes_max || request.end().size() > bound_bytes_max) {
    return InvalidRequest("a bound of the scan is longer than any key: at most " +
                          std::to_string(bound_bytes_max) + " bytes");
  }
  ScanPlan plan;
  plan.lower = request.start();
  plan.upper = request.end().empty() ? std::string(kReservedPrefix)
                                     : std::min(request.end(), std::string(kReservedPrefix));
  plan.reverse = request.reverse();
  plan.keys_only = request.keys_only();
  plan.entries_max = request.limit();
  return plan;
}

std::uint64_t QueryHash(const v1::ScanRequest& request) {
  const std::uint64_t flags = (request.reverse() ? 1U : 0U) | (request.keys_only() ? 2U : 0U);
  return Mix64(Mix64(Hash64(request.start()), Hash64(request.end())), flags);
}

std::variant<PageToken, Refusal> TokenOf(const v1::ScanRequest& request, const PageTokenSeal& seal,
                                         NodeId self) {
  PageTokenSeal::Opened opened = seal.Open(request.page_token());
  if (!opened.is_token) {
    return InvalidRequest("the page token is none: give back the one that a page came with");
  }
  if (opened.node != self) {
    return ScanExpired("the page token belongs to node " + std::to_string(opened.node.value) +
                       ", this is node " + std::to_string(self.value) +
                       ": ask the node that gave it");
  }
  if (!opened.token) {
    return ScanExpired("the page token is not of this run of the node");
  }
  if (opened.token->query != QueryHash(request)) {
    return InvalidRequest("the scan is not the one of the page token: only limit may change");
  }
  return *std::move(opened.token);
}

Iterator OpenScan(const PinnedState& state, const ScanPlan& plan) {
  ScanOptions options;
  options.lower = plan.lower;
  options.upper = plan.upper;
  options.reverse = plan.reverse;
  options.snapshot = &state.snapshot;
  Iterator iterator = state.engine->NewIterator(options);
  if (plan.reverse) {
    iterator.SeekToLast();
  } else {
    iterator.SeekToFirst();
  }
  return iterator;
}

Result<bool> FillPage(Iterator& iterator, const ScanPlan& plan, std::size_t bytes_max,
                      v1::ScanResponse& page) {
  std::size_t bytes = 0;
  std::size_t entries = 0;
  while (iterator.valid()) {
    const std::string_view key = iterator.key();
    const std::string_view value = plan.keys_only ? std::string_view() : iterator.value();
    const std::size_t entry_bytes = key.size() + value.size() + kEntryOverhead;
    const bool is_full = (plan.entries_max != 0 && entries >= plan.entries_max) ||
                         (entries > 0 && bytes + entry_bytes > bytes_max);
    if (is_full) {
      return true;
    }
    v1::KeyValue& entry = *page.add_entries();
    entry.set_key(key.data(), key.size());
    entry.set_value(value.data(), value.size());
    bytes += entry_bytes;
    ++entries;
    if (plan.reverse) {
      iterator.Prev();
    } else {
      iterator.Next();
    }
  }
  FIRN_TRY(iterator.status());
  return false;
}

}  // namespace firn::server
