// SPDX-License-Identifier: Apache-2.0
//
// The calls of proto/firn/v1 as the client treats them: to whom each goes, and when it may be sent
// again. MethodOf<Request> finds a call by its request message.
#pragma once

#include <cstdint>

#include "firn/v1/cluster.pb.h"
#include "firn/v1/kv.pb.h"
#include "firn/v1/storage.pb.h"

namespace firn::client {

enum class Repeat : std::uint8_t {
  kFreely,         // Doing it twice is doing it once.
  kWithRequestId,  // Doing it twice is doing it once, because it carries a request id.
  kIfNotDone,      // Only if the attempt before certainly did nothing.
};

struct MethodInfo {
  const char* path;
  Repeat repeat = Repeat::kFreely;
  bool is_slow = false;  // May take as long as the whole call has, not just one attempt's share.
};

template <typename ResponseMessage>
struct Answers {
  using Response = ResponseMessage;
};

template <typename Request>
struct MethodOf;

template <>
struct MethodOf<v1::GetRequest> : Answers<v1::GetResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/Get"};
};
template <>
struct MethodOf<v1::PutRequest> : Answers<v1::PutResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/Put",
                                    .repeat = Repeat::kWithRequestId};
};
template <>
struct MethodOf<v1::DeleteRequest> : Answers<v1::DeleteResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/Delete",
                                    .repeat = Repeat::kWithRequestId};
};
template <>
struct MethodOf<v1::ScanRequest> : Answers<v1::ScanResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/Scan"};
};
template <>
struct MethodOf<v1::BatchWriteRequest> : Answers<v1::BatchWriteResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/BatchWrite",
                                    .repeat = Repeat::kWithRequestId};
};
template <>
struct MethodOf<v1::CompareAndSetRequest> : Answers<v1::CompareAndSetResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/CompareAndSet",
                                    .repeat = Repeat::kWithRequestId};
};
template <>
struct MethodOf<v1::OpenSessionRequest> : Answers<v1::OpenSessionResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/OpenSession"};
};
template <>
struct MethodOf<v1::CloseSessionRequest> : Answers<v1::CloseSessionResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.KVService/CloseSession"};
};

template <>
struct MethodOf<v1::FlushMemTableRequest> : Answers<v1::FlushMemTableResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.StorageService/FlushMemTable",
                                    .is_slow = true};
};
template <>
struct MethodOf<v1::TriggerCompactionRequest> : Answers<v1::TriggerCompactionResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.StorageService/TriggerCompaction",
                                    .is_slow = true};
};
template <>
struct MethodOf<v1::GetLevelsRequest> : Answers<v1::GetLevelsResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.StorageService/GetLevels"};
};
template <>
struct MethodOf<v1::GetStorageStatsRequest> : Answers<v1::GetStorageStatsResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.StorageService/GetStorageStats"};
};

template <>
struct MethodOf<v1::GetStatusRequest> : Answers<v1::GetStatusResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.ClusterService/GetStatus"};
};
template <>
struct MethodOf<v1::AddMemberRequest> : Answers<v1::AddMemberResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.ClusterService/AddMember", .is_slow = true};
};
template <>
struct MethodOf<v1::PromoteMemberRequest> : Answers<v1::PromoteMemberResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.ClusterService/PromoteMember",
                                    .repeat = Repeat::kIfNotDone,
                                    .is_slow = true};
};
template <>
struct MethodOf<v1::RemoveMemberRequest> : Answers<v1::RemoveMemberResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.ClusterService/RemoveMember",
                                    .repeat = Repeat::kIfNotDone,
                                    .is_slow = true};
};
template <>
struct MethodOf<v1::TransferLeadershipRequest> : Answers<v1::TransferLeadershipResponse> {
  static constexpr MethodInfo kInfo{.path = "/firn.v1.ClusterService/TransferLeadership",
                                    .repeat = Repeat::kIfNotDone,
                                    .is_slow = true};
};

template <typename Request>
using ResponseTo = typename MethodOf<Request>::Response;

}  // namespace firn::client
