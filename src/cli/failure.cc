// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/commands.h"

namespace firn::cli {
namespace {

const char* AdviceFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "change the command as the message says";
    case ErrorCode::kNotFound: return "check the path";
    case ErrorCode::kAlreadyExists: return "choose another place";
    case ErrorCode::kBusy: return "end the process that has it open, or name another directory";
    case ErrorCode::kCorruption: return "restore the named file from a checkpoint or a backup";
    case ErrorCode::kIo: return "see the system's log for the device, then start again";
    case ErrorCode::kNoSpace: return "free disk space, then start again";
    case ErrorCode::kReadOnly: return "start again after the first failure has been dealt with";
    case ErrorCode::kUnsupported: return "use the version of firn that wrote the file";
    case ErrorCode::kClosed: return "start again";
  }
  return "";
}

}  // namespace

int Fail(const std::string& what, const Error& error) {
  std::fprintf(stderr, "firn %s: %s\nfirn %s: %s\n", what.c_str(), error.Describe().c_str(),
               what.c_str(), AdviceFor(error.code));
  return kFailed;
}

FilePath SplitPath(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return {.directory = ".", .name = path};
  }
  return {.directory = slash == 0 ? "/" : path.substr(0, slash), .name = path.substr(slash + 1)};
}

}  // namespace firn::cli
