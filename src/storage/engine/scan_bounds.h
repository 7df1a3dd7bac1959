// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "firn/options.h"
#include "firn/result.h"

namespace firn {

// Keys in [lower, upper); without an upper bound all from `lower` on.
struct ScanBounds {
  std::string lower;
  std::optional<std::string> upper;
};

// What the options ask for. kInvalidArgument when a prefix is given together with a bound.
Result<ScanBounds> BoundsOf(const ScanOptions& options);

}  // namespace firn
