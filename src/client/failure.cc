// SPDX-License-Identifier: Apache-2.0
#include "client/failure.h"

#include <cstdio>
#include <cstdlib>

namespace firn::client {

std::string_view Name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid: return "invalid request";
    case FailureKind::kRefused: return "refused";
    case FailureKind::kUnavailable: return "unavailable";
    case FailureKind::kUnknownOutcome: return "unknown outcome";
    case FailureKind::kScanExpired: return "scan expired";
    case FailureKind::kServer: return "server failure";
    case FailureKind::kClosed: return "client closed";
  }
  return "failure";
}

std::string Failure::Describe() const { return std::string(Name(kind)) + ": " + context; }

void internal::AbortOnBadReplyAccess(const Failure& failure) {
  std::fprintf(stderr, "firn: value of a failed reply was read: %s\n", failure.Describe().c_str());
  std::abort();
}

}  // namespace firn::client
