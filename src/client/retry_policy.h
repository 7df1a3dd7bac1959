// SPDX-License-Identifier: Apache-2.0
//
// What an attempt's failure means for the call: the table of ErrorDetail in kv.proto, and what gRPC
// itself reports, as one pure function; and how long to wait before the next attempt. The one idea:
// each failure says whether the request was perhaps carried out, and that is never forgotten for as
// long as the call lasts.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/random.h"
#include "client/failure.h"
#include "client/transport.h"

namespace firn::client {

enum class Remedy : std::uint8_t {
  kGiveUp,        // Asking again gives the same.
  kAskLeader,     // Another node leads, and is named.
  kAskSame,       // The node is well but busy.
  kAskOther,      // Nothing is to be had from this node at present.
  kRenewSession,  // With a new session, if nothing was done under the old one.
};

struct Diagnosis {
  Remedy remedy = Remedy::kGiveUp;
  bool perhaps_done = false;
  FailureKind kind = FailureKind::kServer;  // If it ends here.

  friend bool operator==(const Diagnosis&, const Diagnosis&) = default;
};

// Of a failed attempt.
Diagnosis Diagnose(const Attempt& attempt);

struct BackOffLimits {
  std::chrono::milliseconds first{20};  // The first wait is at most this long.
  std::chrono::milliseconds last{500};  // No wait is longer, unless the node asks for more.
};

// Full jitter: uniformly random up to a bound that doubles (Brooker, "Exponential Backoff And
// Jitter", 2015), so that clients that failed together do not come back together.
std::chrono::milliseconds BackOff(const BackOffLimits& limits, int attempts_before, Random& random);

}  // namespace firn::client
