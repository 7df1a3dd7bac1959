// SPDX-License-Identifier: Apache-2.0
#include "server/rpc_counts.h"

namespace firn::server {
namespace {

constexpr std::array<std::string_view, kMethodCount> kMethodNames = {
    "firn.v1.KVService/Get",
    "firn.v1.KVService/Put",
    "firn.v1.KVService/Delete",
    "firn.v1.KVService/Scan",
    "firn.v1.KVService/ScanStream",
    "firn.v1.KVService/BatchWrite",
    "firn.v1.KVService/CompareAndSet",
    "firn.v1.KVService/OpenSession",
    "firn.v1.KVService/CloseSession",
    "firn.v1.StorageService/FlushMemTable",
    "firn.v1.StorageService/TriggerCompaction",
    "firn.v1.StorageService/GetLevels",
    "firn.v1.StorageService/GetStorageStats",
    "firn.v1.ClusterService/GetStatus",
    "firn.v1.ClusterService/AddMember",
    "firn.v1.ClusterService/PromoteMember",
    "firn.v1.ClusterService/RemoveMember",
    "firn.v1.ClusterService/TransferLeadership"};

constexpr std::array<std::string_view, 17> kStatusNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

std::string_view Name(Method method) { return kMethodNames[static_cast<std::size_t>(method)]; }

std::string_view Name(grpc::StatusCode code) {
  const auto status = static_cast<std::size_t>(code);
  return status < kStatusNames.size() ? kStatusNames[status] : kStatusNames[2];
}

std::map<std::pair<std::string, std::string>, std::uint64_t> RpcCounts::All() const {
  std::map<std::pair<std::string, std::string>, std::uint64_t> all;
  for (std::size_t method = 0; method < kMethodCount; ++method) {
    for (std::size_t status = 0; status < kStatusCount; ++status) {
      const std::uint64_t count = counts_[method][status].load(std::memory_order_relaxed);
      if (count > 0) {
        all[{std::string(kMethodNames[method]), std::string(kStatusNames[status])}] = count;
      }
    }
  }
  return all;
}

}  // namespace firn::server
