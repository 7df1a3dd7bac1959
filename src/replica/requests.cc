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

std::optional<Fate> FateOf(std::uint8_t number) {
  const auto fate = static_cast<Fate>(number);
  switch (fate) {
    case Fate::kDone:
    case Fate::kNotLeader:
    case Fate::kOverloaded:
    case Fate::kUnknown:
    case Fate::kStopped:
    case Fate::kTooStale:
    case Fate::kRefused:
    case Fate::kFull: return fate;
  }
  return std::nullopt;
}

}  // namespace firn
