// SPDX-License-Identifier: Apache-2.0
#include "firn/result.h"

#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace firn {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kAlreadyExists: return "already exists";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kCorruption: return "corruption";
    case ErrorCode::kIo: return "i/o error";
    case ErrorCode::kNoSpace: return "no space";
    case ErrorCode::kReadOnly: return "read-only";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kClosed: return "closed";
  }
  return "unknown error";
}

std::string Error::Describe() const {
  std::string text(Name(code));
  return text.append(": ").append(context);
}

namespace internal {

void AbortOnBadResultAccess(const Error& error) {
  std::fprintf(stderr, "firn: value of a failed result was read: %s\n", error.Describe().c_str());
  std::abort();
}

void CheckFailed(const char* file, int line, const char* condition, const std::string& values) {
  std::fprintf(stderr, "%s:%d: check failed: %s%s\n", file, line, condition, values.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace firn
