// SPDX-License-Identifier: Apache-2.0
#include "node/reply_code.h"

namespace firn::node {

ReplyCode ReplyCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return ReplyCode::kMalformed;
    case ErrorCode::kNotFound: return ReplyCode::kDoesNotExist;
    case ErrorCode::kAlreadyExists: return ReplyCode::kAlreadyExists;
    case ErrorCode::kUnsupported: return ReplyCode::kNotSupported;
    case ErrorCode::kBusy:
    case ErrorCode::kNoSpace:
    case ErrorCode::kReadOnly:
    case ErrorCode::kClosed: return ReplyCode::kTemporarilyUnavailable;
    case ErrorCode::kCorruption:
    case ErrorCode::kIo: return ReplyCode::kCrash;
  }
  return ReplyCode::kCrash;
}

}  // namespace firn::node
