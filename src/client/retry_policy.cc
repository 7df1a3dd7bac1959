// SPDX-License-Identifier: Apache-2.0
#include "client/retry_policy.h"

#include <algorithm>

namespace firn::client {
namespace {

// The node did not say why. What comes from gRPC itself, such as a broken connection, says nothing
// of what the node did before.
Diagnosis DiagnoseBareStatus(StatusCode code) {
  switch (code) {
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kCancelled:
    case StatusCode::kInternal:  // Also a stream that was reset.
    case StatusCode::kUnknown:
      return {.remedy = Remedy::kAskOther, .perhaps_done = true, .kind = FailureKind::kUnavailable};
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
    case StatusCode::kUnimplemented: return {.kind = FailureKind::kInvalid};
    case StatusCode::kResourceExhausted:  // A full disk, a message above the limits of gRPC.
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists: return {.kind = FailureKind::kRefused};
    case StatusCode::kAborted: return {.kind = FailureKind::kScanExpired};
    case StatusCode::kOk:
    case StatusCode::kDataLoss: break;
  }
  return {.perhaps_done = true, .kind = FailureKind::kServer};
}

}  // namespace

Diagnosis Diagnose(const Attempt& attempt) {
  switch (attempt.detail.reason()) {
    case v1::ErrorDetail::NOT_LEADER:
      return {.remedy =
                  attempt.detail.leader_address().empty() ? Remedy::kAskOther : Remedy::kAskLeader,
              .kind = FailureKind::kUnavailable};
    case v1::ErrorDetail::NO_LEADER:
    case v1::ErrorDetail::DRAINING:
    case v1::ErrorDetail::TOO_STALE:
      return {.remedy = Remedy::kAskOther, .kind = FailureKind::kUnavailable};
    case v1::ErrorDetail::OVERLOADED:
      return {.remedy = Remedy::kAskSame, .kind = FailureKind::kUnavailable};
    case v1::ErrorDetail::OUTCOME_UNKNOWN:
    case v1::ErrorDetail::NODE_STOPPED:
      return {.remedy = Remedy::kAskOther, .perhaps_done = true, .kind = FailureKind::kUnavailable};
    case v1::ErrorDetail::SESSION_EXPIRED:
      return {.remedy = Remedy::kRenewSession, .kind = FailureKind::kUnavailable};
    case v1::ErrorDetail::RESULT_FORGOTTEN:
      return {.perhaps_done = true, .kind = FailureKind::kUnknownOutcome};
    case v1::ErrorDetail::SCAN_EXPIRED: return {.kind = FailureKind::kScanExpired};
    case v1::ErrorDetail::REFUSED: return {.kind = FailureKind::kRefused};
    default: return DiagnoseBareStatus(attempt.code);  // Also reasons of a later version.
  }
}

std::chrono::milliseconds BackOff(const BackOffLimits& limits, int attempts_before,
                                  Random& random) {
  const int doublings = std::clamp(attempts_before, 0, 20);
  const std::int64_t bound = std::min(limits.first.count() << doublings, limits.last.count());
  return std::chrono::milliseconds(
      random.Below(static_cast<std::uint64_t>(std::max<std::int64_t>(bound, 0)) + 1));
}

}  // namespace firn::client
