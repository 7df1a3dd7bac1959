// SPDX-License-Identifier: Apache-2.0
#include "server/write_demand.h"

#include <utility>

#include "replica/session_table.h"
#include "storage/wal/operations.h"

namespace firn::server {
namespace {

std::optional<Refusal> CheckValue(std::string_view value, const Limits& limits) {
  if (value.size() > limits.value_bytes_max) {
    return InvalidRequest("value of " + std::to_string(value.size()) + " bytes: at most " +
                          std::to_string(limits.value_bytes_max) + " here; split it");
  }
  return std::nullopt;
}

// Without a session nothing is remembered, so that half a request id is a mistake.
std::variant<RequestTag, Refusal> TagOf(const v1::RequestId& id) {
  if ((id.session() == 0) != (id.sequence() == 0)) {
    return InvalidRequest("request id with session " + std::to_string(id.session()) +
                          " and sequence " + std::to_string(id.sequence()) +
                          ": set both, from 1, or leave the id out");
  }
  return RequestTag{.session = id.session(), .sequence = id.sequence()};
}

template <typename Request>
Demand Tagged(const Request& request, WriteDemand demand) {
  if (request.has_request_id()) {
    auto tag = TagOf(request.request_id());
    if (auto* refusal = std::get_if<Refusal>(&tag)) {
      return std::move(*refusal);
    }
    demand.tag = std::get<RequestTag>(tag);
  }
  return demand;
}

std::optional<Refusal> AddPut(std::string_view key, std::string_view value, const Limits& limits,
                              std::string& operations) {
  if (auto refusal = CheckKey(key, limits)) {
    return refusal;
  }
  if (auto refusal = CheckValue(value, limits)) {
    return refusal;
  }
  EncodePut(operations, key, value);
  return std::nullopt;
}

std::optional<Refusal> AddDelete(std::string_view key, const Limits& limits,
                                 std::string& operations) {
  if (auto refusal = CheckKey(key, limits)) {
    return refusal;
  }
  EncodeDelete(operations, key);
  return std::nullopt;
}

std::optional<Refusal> AddOperation(const v1::Operation& operation, const Limits& limits,
                                    std::string& operations) {
  switch (operation.operation_case()) {
    case v1::Operation::kPut:
      return AddPut(operation.put().key(), operation.put().value(), limits, operations);
    case v1::Operation::kDelete: return AddDelete(operation.delete_().key(), limits, operations);
    case v1::Operation::OPERATION_NOT_SET: break;
  }
  return InvalidRequest("neither a put nor a delete: set one");
}

std::variant<Condition, Refusal> ConditionOf(const v1::CompareAndSetRequest& request,
                                             const Limits& limits) {
  Condition condition;
  condition.key = request.key();
  switch (request.expected_case()) {
    case v1::CompareAndSetRequest::kAbsent:
      if (!request.absent()) {
        return InvalidRequest("expected.absent is false: expect a value or a revision instead");
      }
      condition.kind = Condition::Kind::kAbsent;
      return condition;
    case v1::CompareAndSetRequest::kValue:
      if (auto refusal = CheckValue(request.value(), limits)) {
        return *std::move(refusal);
      }
      condition.kind = Condition::Kind::kValue;
      condition.value = request.value();
      return condition;
    case v1::CompareAndSetRequest::kRevision:
      if (request.revision() == 0) {
        return InvalidRequest("expected.revision is 0: nothing is written at 0, expect absent");
      }
      condition.kind = Condition::Kind::kRevision;
      condition.revision = request.revision();
      return condition;
    case v1::CompareAndSetRequest::EXPECTED_NOT_SET: break;
  }
  return InvalidRequest("nothing is expected: set absent, value or revision, or use Put");
}

// A request id that comes back with another kind of request finds that one's outcome.
std::optional<Refusal> Unless(const Outcome& outcome) {
  if (auto refusal = RefusalOf(outcome)) {
    return refusal;
  }
  if (outcome.code == Outcome::Code::kConditionFailed) {
    return InvalidRequest(
        "the request id belongs to a CompareAndSet that was not applied; give "
        "each request a sequence of its own");
  }
  return std::nullopt;
}

template <typename Response>
std::optional<Refusal> AnswerRevision(const Outcome& outcome, Response& response) {
  auto refusal = Unless(outcome);
  if (!refusal) {
    response.set_revision(outcome.revision);
  }
  return refusal;
}

}  // namespace

std::optional<Refusal> CheckKey(std::string_view key, const Limits& limits) {
  if (key.empty()) {
    return InvalidRequest("the key is empty: it needs a byte at least");
  }
  if (key.size() > limits.key_bytes_max) {
    return InvalidRequest("key of " + std::to_string(key.size()) + " bytes: at most " +
                          std::to_string(limits.key_bytes_max));
  }
  if (key.starts_with(kReservedPrefix)) {
    return InvalidRequest(
        "the key begins with ff ff ff ff, which the server keeps for itself: "
        "choose another");
  }
  return std::nullopt;
}

Demand DemandOf(const v1::PutRequest& request, const Limits& limits) {
  WriteDemand demand;
  if (auto refusal = AddPut(request.key(), request.value(), limits, demand.operations)) {
    return *std::move(refusal);
  }
  return Tagged(request, std::move(demand));
}

Demand DemandOf(const v1::DeleteRequest& request, const Limits& limits) {
  WriteDemand demand;
  if (auto refusal = AddDelete(request.key(), limits, demand.operations)) {
    return *std::move(refusal);
  }
  return Tagged(request, std::move(demand));
}

Demand DemandOf(const v1::BatchWriteRequest& request, const Limits& limits) {
  const auto count = static_cast<std::size_t>(request.operations_size());
  if (count == 0) {
    return InvalidRequest("the batch is empty: it needs an operation at least");
  }
  if (count > limits.batch_operations_max) {
    return InvalidRequest("batch of " + std::to_string(count) + " operations: at most " +
                          std::to_string(limits.batch_operations_max) + " here; split it");
  }
  const std::size_t bytes = request.ByteSizeLong();
  if (bytes > limits.batch_bytes_max) {
    return InvalidRequest("batch of " + std::to_string(bytes) + " bytes: at most " +
                          std::to_string(limits.batch_bytes_max) + " here; split it");
  }
  WriteDemand demand;
  demand.operations.reserve(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    if (auto refusal =
            AddOperation(request.operations(static_cast<int>(i)), limits, demand.operations)) {
      refusal->text = "operation " + std::to_string(i) + ": " + refusal->text;
      return *std::move(refusal);
    }
  }
  return Tagged(request, std::move(demand));
}

Demand DemandOf(const v1::CompareAndSetRequest& request, const Limits& limits) {
  if (auto refusal = CheckKey(request.key(), limits)) {
    return *std::move(refusal);
  }
  auto condition = ConditionOf(request, limits);
  if (auto* refusal = std::get_if<Refusal>(&condition)) {
    return std::move(*refusal);
  }
  WriteDemand demand;
  demand.condition = std::get<Condition>(condition);
  switch (request.update_case()) {
    case v1::CompareAndSetRequest::kNewValue:
      if (auto refusal = AddPut(request.key(), request.new_value(), limits, demand.operations)) {
        return *std::move(refusal);
      }
      break;
    case v1::CompareAndSetRequest::kDelete:
      if (!request.delete_()) {
        return InvalidRequest("update.delete is false: give a new value instead");
      }
      EncodeDelete(demand.operations, request.key());
      break;
    case v1::CompareAndSetRequest::UPDATE_NOT_SET:
      return InvalidRequest("no update: set new_value or delete");
  }
  return Tagged(request, std::move(demand));
}

Demand DemandOf(const v1::OpenSessionRequest&, const Limits&) {
  return WriteDemand{.kind = Command::Kind::kOpenSession};
}

Demand DemandOf(const v1::CloseSessionRequest& request, const Limits&) {
  if (request.session() == 0) {
    return InvalidRequest("session 0: give the one that OpenSession answered");
  }
  return WriteDemand{.kind = Command::Kind::kCloseSession, .tag = {.session = request.session()}};
}

std::optional<Refusal> Answer(const Outcome& outcome, v1::PutResponse& response) {
  return AnswerRevision(outcome, response);
}

std::optional<Refusal> Answer(const Outcome& outcome, v1::DeleteResponse& response) {
  return AnswerRevision(outcome, response);
}

std::optional<Refusal> Answer(const Outcome& outcome, v1::BatchWriteResponse& response) {
  return AnswerRevision(outcome, response);
}

std::optional<Refusal> Answer(const Outcome& outcome, v1::CompareAndSetResponse& response) {
  auto refusal = RefusalOf(outcome);
  if (!refusal) {
    response.set_applied(outcome.code == Outcome::Code::kApplied);
    response.set_revision(outcome.revision);
  }
  return refusal;
}

std::optional<Refusal> Answer(const Outcome& outcome, v1::OpenSessionResponse& response) {
  auto refusal = Unless(outcome);
  if (!refusal) {
    response.set_session(outcome.revision);
  }
  return refusal;
}

std::optional<Refusal> Answer(const Outcome& outcome, v1::CloseSessionResponse&) {
  return Unless(outcome);
}

}  // namespace firn::server
