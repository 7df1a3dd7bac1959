// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 taken apart, one code point at a time, as strictly as RFC 3629 has it: no overlong forms,
// no surrogates, nothing above U+10FFFF. Thread-safe: no state.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace firn::node {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// The code point at byte `at`, which moves behind it. Nothing, and one byte on, where there is
// none. Requires at < bytes.size().
inline std::optional<char32_t> TakeCodePoint(std::string_view bytes, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(bytes[at++]);
  if (lead < 0x80) {
    return lead;
  }
  const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() - at < more) {
    return std::nullopt;
  }
  char32_t point = lead & (0x3Fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    if ((byte & 0xC0) != 0x80) {
      return std::nullopt;
    }
    point = point << 6 | (byte & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0x80, 0x800, 0x10000};
  if (point < kSmallest[more - 1] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
    return std::nullopt;
  }
  at += more;
  return point;
}

}  // namespace firn::node
