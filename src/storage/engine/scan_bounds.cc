// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/scan_bounds.h"

namespace firn {
namespace {

// The first key after all those that start with `prefix`; nothing when there is none.
std::optional<std::string> EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') {
    prefix.pop_back();
  }
  if (prefix.empty()) {
    return std::nullopt;
  }
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace

Result<ScanBounds> BoundsOf(const ScanOptions& options) {
  if (options.prefix.empty()) {
    return ScanBounds{.lower = options.lower, .upper = options.upper};
  }
  if (!options.lower.empty() || options.upper) {
    return Error{ErrorCode::kInvalidArgument, "scan option prefix contradicts lower and upper"};
  }
  return ScanBounds{.lower = options.prefix, .upper = EndOfPrefix(options.prefix)};
}

}  // namespace firn
