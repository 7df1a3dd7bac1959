// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firn/options.h"
#include "firn/result.h"
#include "storage/compaction/picker.h"

namespace firn {

// kInvalidArgument that names the first option which is out of range or contradicts another.
Result<void> CheckOptions(const Options& options);

// The sizes of the levels that the options ask for.
LevelLimits LimitsOf(const Options& options);

}  // namespace firn
