// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.h"

#include <array>
#include <cstddef>

#include "base/coding.h"

namespace firn {
namespace {

using Table = std::array<std::uint32_t, 256>;

constexpr Table MakeTable(std::uint32_t reflected_polynomial) {
  Table table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? reflected_polynomial : 0);
    }
    table[i] = crc;
  }
  return table;
}

constexpr Table kCastagnoli = MakeTable(0x82F63B78);
constexpr Table kIeee = MakeTable(0xEDB88320);

std::uint32_t ByTable(const Table& table, std::string_view bytes, std::uint32_t seed) {
  std::uint32_t crc = ~seed;
  for (char byte : bytes) {
    crc = table[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
  }
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t ByInstruction(std::string_view bytes,
                                                              std::uint32_t seed) {
  std::uint64_t crc = static_cast<std::uint32_t>(~seed);
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    crc = __builtin_ia32_crc32di(crc, LoadLittle<std::uint64_t>(p));
  }
  auto tail = static_cast<std::uint32_t>(crc);
  if ((left & 4) != 0) {
    tail = __builtin_ia32_crc32si(tail, LoadLittle<std::uint32_t>(p));
    p += 4;
  }
  if ((left & 2) != 0) {
    tail = __builtin_ia32_crc32hi(tail, LoadLittle<std::uint16_t>(p));
    p += 2;
  }
  if ((left & 1) != 0) {
    tail = __builtin_ia32_crc32qi(tail, static_cast<std::uint8_t>(*p));
  }
  return ~tail;
}

const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
#endif

}  // namespace

std::uint32_t Crc32c(std::string_view bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  if (kHasInstruction) [[likely]] {
    return ByInstruction(bytes, seed);
  }
#endif
  return Crc32cPortable(bytes, seed);
}

std::uint32_t Crc32cPortable(std::string_view bytes, std::uint32_t seed) {
  return ByTable(kCastagnoli, bytes, seed);
}

std::uint32_t Crc32(std::string_view bytes) { return ByTable(kIeee, bytes, 0); }

}  // namespace firn
