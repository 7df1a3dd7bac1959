// SPDX-License-Identifier: Apache-2.0
//
// How often each method of the services has ended, and how, and how many calls are under way.
// Counting is one atomic addition. Thread-safe.
#pragma once

#include <grpcpp/support/status_code_enum.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace firn::server {

enum class Method : std::uint8_t {
  kGet,
  kPut,
  kDelete,
  kScan,
  kScanStream,
  kBatchWrite,
  kCompareAndSet,
  kOpenSession,
  kCloseSession,
  kFlushMemTable,
  kTriggerCompaction,
  kGetLevels,
  kGetStorageStats,
  kGetStatus,
  kAddMember,
  kPromoteMember,
  kRemoveMember,
  kTransferLeadership,
};
inline constexpr std::size_t kMethodCount = 18;

// "firn.v1.KVService/Get"
std::string_view Name(Method method);
// "UNAVAILABLE"
std::string_view Name(grpc::StatusCode code);

class RpcCounts {
 public:
  void Count(Method method, grpc::StatusCode code) {
    const auto status = static_cast<std::size_t>(code);
    counts_[static_cast<std::size_t>(method)][status < kStatusCount ? status : 2].fetch_add(
        1, std::memory_order_relaxed);
  }
  // A call has begun, and gRPC is done with it.
  void Begin() { under_way_.fetch_add(1, std::memory_order_relaxed); }
  void Done() { under_way_.fetch_sub(1, std::memory_order_relaxed); }
  std::int64_t under_way() const { return under_way_.load(std::memory_order_relaxed); }
  // Those that are not 0, by the names of method and status.
  std::map<std::pair<std::string, std::string>, std::uint64_t> All() const;

 private:
  static constexpr std::size_t kStatusCount = 17;

  std::atomic<std::int64_t> under_way_{0};
  std::array<std::array<std::atomic<std::uint64_t>, kStatusCount>, kMethodCount> counts_{};
};

}  // namespace firn::server
