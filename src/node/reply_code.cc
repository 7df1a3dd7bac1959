// SPDX-License-Identifier: Apache-2.0
#include "node/reply_code.h"

namespace firn::node {

ReplyCode ReplyCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return ReplyCode::kMalformed;
    case ErrorCode::kNotFound: return ReplyCode::kDoesNotExist;
    case ErrorCode::kAlreadyExists: return ReplyCode::kAlreadyExists;
    case ErrorCode::kBusy: return ReplyCode::kTemporarilyUnavailable;
    case ErrorCode::kCorruption: return ReplyCode::kCrash;
    case ErrorCode::kIo: return ReplyCode::kCrash;
    case ErrorCode::kNoSpace: return ReplyCode::kTemporarilyUnavailable;
    case ErrorCode::kReadOnly: return ReplyCode::kTemporarilyUnavailable;
    case ErrorCode::kUnsupported: return ReplyCode::kNotSupported;
    case ErrorCode::kClosed: return ReplyCode::kTemporarilyUnavailable;
  }
  return ReplyCode::kCrash;
}

}  // namespace firn::node
