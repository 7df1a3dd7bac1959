// SPDX-License-Identifier: Apache-2.0
//
// Values of settings as people write them, and back. Errors say what would be a value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "firn/result.h"

namespace firn::server {

// "67108864", "64MiB", "16KiB", "1GiB".
Result<std::size_t> ParseBytes(std::string_view text);
std::string FormatBytes(std::size_t bytes);

// "250ms", "10s", "5m".
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string FormatDuration(std::chrono::milliseconds duration);

Result<std::uint64_t> ParseCount(std::string_view text, std::uint64_t max);

// "true" or "false", also yes, no, on, off, 1, 0.
Result<bool> ParseBoolean(std::string_view text);

// "host:port", with port 0 to 65535 and an IPv6 host in brackets.
Result<void> CheckAddress(std::string_view text);

// How many letters have to be changed, added or removed to make one of the other.
std::size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace firn::server
