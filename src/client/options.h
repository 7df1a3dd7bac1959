// SPDX-License-Identifier: Apache-2.0
//
// What a client has to be told, and what it may be told for one call.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "client/retry_policy.h"

namespace firn::client {

// PEM texts, not paths.
struct TlsOptions {
  bool is_on = false;
  std::string authorities{};  // Who may vouch for nodes; empty: those that the system trusts.
  std::string certificate{};  // Of this client, with its key, where the cluster asks for one.
  std::string key{};
};

struct ClientOptions {
  // "host:port" of any nodes; others are learned from them.
  std::vector<std::string> endpoints{"127.0.0.1:7101"};
  // For a whole call with all its attempts.
  std::chrono::milliseconds timeout{10'000};
  // After this long an attempt counts as lost and another node is asked.
  std::chrono::milliseconds attempt_timeout{2'000};
  BackOffLimits back_off{};
  // To each node; calls take them in turn. More than one is of use for load generators.
  int connections = 1;
  // Writes are given ids, so that a write that is sent again is applied once. Without them, a write
  // whose answer is lost ends with kUnknownOutcome at once.
  bool has_request_ids = true;
  TlsOptions tls{};
};

struct CallOptions {
  std::chrono::milliseconds timeout{0};  // 0: the client's.
  // Only this node is asked, whoever leads. Empty: the leader, where one is known.
  std::string endpoint{};
};

struct StreamOptions {
  // For each page of the stream with all its attempts; 0: the client's. A scan may take for ever.
  std::chrono::milliseconds timeout{0};
  std::string endpoint{};  // As of a call.
  // What becomes of a stream that breaks in the middle: the state that it was reading is gone with
  // it. Without this the scan ends with kScanExpired. With it the scan goes on behind the last
  // entry in another state, so that what it yields never was in the store at one moment.
  bool may_change_state = false;
};

}  // namespace firn::client
