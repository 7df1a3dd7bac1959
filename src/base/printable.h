// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace firn {

// Bytes as text that fits on a line and can be told apart: printable ASCII as it is, except that a
// backslash doubles, and everything else as \xNN. More than `length_max` bytes end in "…(n bytes)".
inline std::string Printable(std::string_view bytes, std::size_t length_max = 64) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (char c : bytes.substr(0, length_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      text += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += "\\x";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  if (bytes.size() > length_max) {
    text += "…(" + std::to_string(bytes.size()) + " bytes)";
  }
  return text;
}

}  // namespace firn
