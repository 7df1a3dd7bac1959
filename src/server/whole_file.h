// SPDX-License-Identifier: Apache-2.0
//
// Small files that others read while they are replaced: ready files, and those of join_file.h. A
// reader finds the old content or the new, never a part.
#pragma once

#include <string>
#include <string_view>

#include "firn/result.h"

namespace firn::server {

// Durable once it returns. kIo, kNoSpace.
Result<void> ReplaceFile(const std::string& path, std::string_view content);

}  // namespace firn::server
