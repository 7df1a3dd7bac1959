// SPDX-License-Identifier: Apache-2.0
#include "replica/requests.h"

namespace firn {

std::string_view Name(Fate fate) {
  switch (fate) {
    case Fate::kDone: return "done";
    case Fate::kNotLeader: return "not leader";
    case Fate::kOverloaded: return "overloaded";
    case Fate::kUnknown: return "unknown";
    case Fate::kStopped: return "stopped";
    case Fate::kTooStale: return "too stale";
    case Fate::kRefused: return "refused";
    case Fate::kFull: return "disk full";
  }
  return "?";
}

}  // namespace firn
