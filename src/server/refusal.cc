// SPDX-License-Identifier: Apache-2.0
#include "server/refusal.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace firn::server {
namespace {

using Reason = v1::ErrorDetail;
using grpc::StatusCode;

// About the time in which an election, a group commit and a flush can change the answer.
constexpr std::uint64_t kElectionRetryMs = 100;
constexpr std::uint64_t kOverloadRetryMs = 50;
// Another node may lead by then.
constexpr std::uint64_t kFullRetryMs = 200;

Refusal NotLeader(const LeaderHint& leader) {
  if (leader.node.value == 0) {
    return {.code = StatusCode::UNAVAILABLE,
            .reason = Reason::NO_LEADER,
            .text = "no leader is known; nothing was done, ask again soon or ask another node",
            .retry_after_ms = kElectionRetryMs};
  }
  return {.code = StatusCode::FAILED_PRECONDITION,
          .reason = Reason::NOT_LEADER,
          .text = "this node does not lead; nothing was done, ask node " +
                  std::to_string(leader.node.value) + " at " + leader.address,
          .leader = leader.node,
          .leader_address = leader.address};
}

// A read whose answer was lost has done nothing, so that asking again is safe.
Refusal Unknown(Asked asked, const LeaderHint& leader) {
  if (asked == Asked::kRead) {
    return {.code = StatusCode::UNAVAILABLE,
            .reason = Reason::NO_LEADER,
            .text = "no leader confirmed the read in time; ask again",
            .leader = leader.node,
            .leader_address = leader.address,
            .retry_after_ms = kElectionRetryMs};
  }
  return {.code = StatusCode::UNKNOWN,
          .reason = Reason::OUTCOME_UNKNOWN,
          .text = asked == Asked::kWrite
                      ? "leadership or the answer was lost before the outcome was seen; it was "
                        "applied or not, ask again with the same request id"
                      : "leadership or the answer was lost before the outcome was seen; look at "
                        "the members, then ask again",
          .leader = leader.node,
          .leader_address = leader.address};
}

StatusCode CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound: return StatusCode::NOT_FOUND;
    case ErrorCode::kAlreadyExists: return StatusCode::ALREADY_EXISTS;
    case ErrorCode::kBusy: return StatusCode::UNAVAILABLE;
    case ErrorCode::kCorruption: return StatusCode::DATA_LOSS;
    case ErrorCode::kIo: return StatusCode::INTERNAL;
    case ErrorCode::kNoSpace: return StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kReadOnly: return StatusCode::INTERNAL;
    case ErrorCode::kUnsupported: return StatusCode::UNIMPLEMENTED;
    case ErrorCode::kClosed: return StatusCode::UNAVAILABLE;
  }
  return StatusCode::INTERNAL;
}

std::string_view AdviceFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "change the request";
    case ErrorCode::kNotFound: return "check the name";
    case ErrorCode::kAlreadyExists: return "choose another name";
    case ErrorCode::kBusy: return "ask again soon";
    case ErrorCode::kCorruption: return "ask another node, and replace this one's data";
    case ErrorCode::kIo: return "ask another node, and see this one's system log";
    case ErrorCode::kNoSpace: return "free space on the node's disk, then ask again";
    case ErrorCode::kReadOnly: return "ask another node, and restart this one";
    case ErrorCode::kUnsupported: return "ask a node of a newer version";
    case ErrorCode::kClosed: return "ask another node";
  }
  return "ask another node";
}

}  // namespace

Refusal RefusalOf(Fate fate, Asked asked, const LeaderHint& leader, std::string_view reason) {
  switch (fate) {
    case Fate::kNotLeader: return NotLeader(leader);
    case Fate::kOverloaded:
      return Overloaded("too many requests wait for the disk or for a quorum", kOverloadRetryMs);
    case Fate::kStopped:
      return {.code = StatusCode::UNAVAILABLE,
              .reason = Reason::NODE_STOPPED,
              .text = asked == Asked::kRead
                          ? "the node takes no part any more; ask another"
                          : "the node takes no part any more; it was done or not, ask another "
                            "with the same request id"};
    case Fate::kTooStale:
      return {.code = StatusCode::UNAVAILABLE,
              .reason = Reason::TOO_STALE,
              .text =
                  "no state here is known to be as fresh as was asked; ask another node, or "
                  "accept an older state",
              .leader = leader.node,
              .leader_address = leader.address};
    case Fate::kRefused:
      return {.code = StatusCode::FAILED_PRECONDITION,
              .reason = Reason::REFUSED,
              .text = std::string(reason)};
    case Fate::kFull:
      return Overloaded("the disk of the leader is full: free space on it", kFullRetryMs);
    case Fate::kUnknown:
    case Fate::kDone: break;
  }
  return Unknown(asked, leader);
}

std::optional<Refusal> RefusalOf(const Outcome& outcome) {
  switch (outcome.code) {
    case Outcome::Code::kApplied:
    case Outcome::Code::kConditionFailed: return std::nullopt;
    case Outcome::Code::kUnknownSession:
      return Refusal{.code = StatusCode::FAILED_PRECONDITION,
                     .reason = Reason::SESSION_EXPIRED,
                     .text =
                         "the session was closed, has expired or never was; open another, and "
                         "read before you repeat what may have been done"};
    case Outcome::Code::kForgotten:
      return Refusal{.code = StatusCode::FAILED_PRECONDITION,
                     .reason = Reason::RESULT_FORGOTTEN,
                     .text =
                         "the request is older than what its session remembers; read before "
                         "you repeat it under a new sequence"};
  }
  return std::nullopt;
}

Refusal RefusalOf(const Error& error) {
  return {.code = CodeOf(error.code),
          .text = error.Describe() + "; " + std::string(AdviceFor(error.code))};
}

Refusal InvalidRequest(std::string text) {
  return {.code = StatusCode::INVALID_ARGUMENT, .text = std::move(text)};
}

Refusal Overloaded(std::string text, std::uint64_t retry_after_ms) {
  return {.code = StatusCode::RESOURCE_EXHAUSTED,
          .reason = Reason::OVERLOADED,
          .text = std::move(text) + "; nothing was done, ask again after " +
                  std::to_string(retry_after_ms) + " ms",
          .retry_after_ms = retry_after_ms};
}

Refusal ScanExpired(std::string text) {
  return {.code = StatusCode::ABORTED,
          .reason = Reason::SCAN_EXPIRED,
          .text = std::move(text) + "; begin the scan anew"};
}

Refusal Draining() {
  return {.code = StatusCode::UNAVAILABLE,
          .reason = Reason::DRAINING,
          .text = "the node is being stopped; nothing was done, ask another"};
}

Refusal Cancelled() {
  return {.code = StatusCode::CANCELLED, .text = "the caller went away or its deadline passed"};
}

// The bytes of a google.rpc.Status: code 1, message 2, details 3.
grpc::Status StatusOf(const Refusal& refusal) {
  if (refusal.reason == Reason::REASON_UNSPECIFIED) {
    return {refusal.code, refusal.text};
  }
  v1::ErrorDetail detail;
  detail.set_reason(refusal.reason);
  detail.set_leader_id(refusal.leader.value);
  detail.set_leader_address(refusal.leader_address);
  detail.set_retry_after_ms(refusal.retry_after_ms);
  google::protobuf::Any any;
  any.PackFrom(detail);
  const std::string packed = any.SerializeAsString();
  std::string details;
  {
    google::protobuf::io::StringOutputStream stream(&details);
    google::protobuf::io::CodedOutputStream out(&stream);
    constexpr std::uint32_t kVarint = 0;
    constexpr std::uint32_t kLengthDelimited = 2;
    out.WriteTag(1 << 3 | kVarint);
    out.WriteVarint32(static_cast<std::uint32_t>(refusal.code));
    out.WriteTag(2 << 3 | kLengthDelimited);
    out.WriteVarint32(static_cast<std::uint32_t>(refusal.text.size()));
    out.WriteString(refusal.text);
    out.WriteTag(3 << 3 | kLengthDelimited);
    out.WriteVarint32(static_cast<std::uint32_t>(packed.size()));
    out.WriteString(packed);
  }
  return {refusal.code, refusal.text, details};
}

std::vector<std::pair<std::string, std::string>> MetadataOf(const Refusal& refusal) {
  std::vector<std::pair<std::string, std::string>> metadata;
  if (refusal.reason != Reason::REASON_UNSPECIFIED) {
    metadata.emplace_back("firn-reason", v1::ErrorDetail::Reason_Name(refusal.reason));
  }
  if (refusal.leader.value != 0) {
    metadata.emplace_back("firn-leader-id", std::to_string(refusal.leader.value));
    metadata.emplace_back("firn-leader", refusal.leader_address);
  }
  if (refusal.retry_after_ms != 0) {
    metadata.emplace_back("firn-retry-after-ms", std::to_string(refusal.retry_after_ms));
  }
  return metadata;
}

}  // namespace firn::server
