// SPDX-License-Identifier: Apache-2.0
#include "cli/client_verbs.h"

namespace firn::cli {
namespace {

using client::FailureKind;

int ExitCodeOf(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid: return kMakesNoSense;
    case FailureKind::kRefused: return kWasRefused;
    case FailureKind::kUnavailable: return kNotAvailable;
    case FailureKind::kUnknownOutcome: return kOutcomeUnknown;
    case FailureKind::kScanExpired:
    case FailureKind::kServer:
    case FailureKind::kClosed: break;
  }
  return kOtherFailure;
}

const char* AdviceFor(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid: return "change the command as the message says";
    case FailureKind::kRefused: return "do what the message says, then try again";
    case FailureKind::kUnavailable:
      return "nothing was done; see that the nodes run and --endpoints names them, then try again";
    case FailureKind::kUnknownOutcome: return "it was done or not: look, then decide";
    case FailureKind::kScanExpired: return "begin the scan anew";
    case FailureKind::kServer: return "see the log of that node";
    case FailureKind::kClosed: return "try again";
  }
  return "";
}

}  // namespace

int Dialogue::Fail(const client::Failure& failure) const {
  std::fprintf(streams.err, "firn %s: %s\nfirn %s: %s\n", verb.c_str(), failure.Describe().c_str(),
               verb.c_str(), AdviceFor(failure.kind));
  return ExitCodeOf(failure.kind);
}

int Dialogue::Fail(const Error& error) const {
  std::fprintf(streams.err, "firn %s: %s\n", verb.c_str(), error.Describe().c_str());
  return error.code == ErrorCode::kInvalidArgument ? kMakesNoSense : kOtherFailure;
}

void Dialogue::Say(const std::string& text) const {
  std::fwrite(text.data(), 1, text.size(), streams.out);
}

}  // namespace firn::cli
