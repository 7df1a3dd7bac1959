// SPDX-License-Identifier: Apache-2.0
//
// Values and batches that come from a file or from standard input, whole.
#pragma once

#include <cstdio>
#include <string>

#include "firn/result.h"

namespace firn::cli {

// What fits into one request, with room for its frame.
inline constexpr std::size_t kInputBytesMax = std::size_t{128} << 20;

// Of the file, or of `standard_input` when the path is empty or "-". kNotFound, kIo;
// kInvalidArgument above kInputBytesMax.
Result<std::string> ReadInput(const std::string& path, std::FILE* standard_input);

}  // namespace firn::cli
