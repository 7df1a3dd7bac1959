// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace firn {

// Bytes of the largest key, value and batch. A batch must also fit a quarter of the memory budget.
inline constexpr std::size_t kKeyBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kValueBytesMax = std::size_t{64} << 20;
inline constexpr std::size_t kBatchBytesMax = std::size_t{128} << 20;

}  // namespace firn
