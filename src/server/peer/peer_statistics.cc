// SPDX-License-Identifier: Apache-2.0
#include "server/peer/peer_statistics.h"

namespace firn {

std::string_view Name(DropCause cause) {
  switch (cause) {
    case DropCause::kUnknownPeer: return "unknown_peer";
    case DropCause::kTooLarge: return "too_large";
    case DropCause::kUrgentFull: return "urgent_full";
    case DropCause::kBulkFull: return "bulk_full";
    case DropCause::kUnreachable: return "unreachable";
  }
  return "unknown";
}

std::string_view Name(LossCause cause) {
  switch (cause) {
    case LossCause::kClosed: return "closed";
    case LossCause::kSilent: return "silent";
    case LossCause::kStalled: return "stalled";
    case LossCause::kMalformed: return "malformed";
    case LossCause::kReplaced: return "replaced";
    case LossCause::kCrowdedOut: return "crowded_out";
    case LossCause::kNotNeeded: return "not_needed";
  }
  return "unknown";
}

}  // namespace firn
