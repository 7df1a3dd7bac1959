// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace firn {

// The unit in which the kernel maps memory and file systems give out space.
inline constexpr std::size_t kPageBytes = 4096;

}  // namespace firn
