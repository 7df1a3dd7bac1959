// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli), the checksum of the log and the manifest: hardware instructions where the
// processor has them, a table elsewhere, the same values from both.
#pragma once

#include <cstdint>
#include <string_view>

namespace firn {

// The checksum of `seed`'s bytes followed by these. Seed 0 starts afresh.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t seed = 0);

// The portable form, for tests and for processors without the instruction.
std::uint32_t Crc32cPortable(std::string_view bytes, std::uint32_t seed = 0);

// CRC-32 (IEEE 802.3, as zlib has it), which the stdio protocol's plain log asks for.
std::uint32_t Crc32(std::string_view bytes);

}  // namespace firn
