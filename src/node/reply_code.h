// SPDX-License-Identifier: Apache-2.0
//
// The error codes of the protocol, which are Maelstrom's, and the one table from the engine's
// errors to them. Codes below 20 other than 13 promise that the request was not carried out.
#pragma once

#include "firn/result.h"

namespace firn::node {

enum class ReplyCode {
  kNotSupported = 10,            // The type of message, or what a file would need.
  kTemporarilyUnavailable = 11,  // Not initialised, no space, read-only: later perhaps.
  kMalformed = 12,               // The message can never succeed as it stands.
  kCrash = 13,                   // Damage or a failed device: carried out or not, nobody knows.
  kAbort = 14,                   // Refused as it stands, and not carried out.
  kDoesNotExist = 20,            // A table, or an entry of the log.
  kAlreadyExists = 21,
};

ReplyCode ReplyCodeOf(ErrorCode code);

}  // namespace firn::node
