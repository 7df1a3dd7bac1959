// SPDX-License-Identifier: Apache-2.0
#include "cli/notation.h"

#include <optional>

#include "node/utf8.h"

namespace firn::cli {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Error NotIn(const char* notation, std::string_view text, std::size_t at, const char* wanted) {
  return {ErrorCode::kInvalidArgument, std::string(notation) + " text of " +
                                           std::to_string(text.size()) + " characters, at " +
                                           std::to_string(at) + ": " + wanted};
}

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') {
    return static_cast<unsigned>(lower - 'a' + 10);
  }
  return std::nullopt;
}

// The byte of two hexadecimal digits at `at`.
std::optional<char> HexByte(std::string_view text, std::size_t at) {
  if (at + 2 > text.size()) {
    return std::nullopt;
  }
  const std::optional<unsigned> high = HexDigit(text[at]);
  const std::optional<unsigned> low = HexDigit(text[at + 1]);
  if (!high || !low) {
    return std::nullopt;
  }
  return static_cast<char>(*high << 4 | *low);
}

// Neither control characters nor those that turn the direction of writing or cannot be seen.
bool IsVisible(char32_t point) {
  return point >= 0x20 && !(point >= 0x7F && point < 0xA0) &&
         !(point >= 0x200B && point <= 0x200F) && !(point >= 0x2028 && point <= 0x202E) &&
         !(point >= 0x2060 && point <= 0x206F) && point != 0xAD && point != 0xFEFF;
}

std::string WriteHex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

std::string WriteEscaped(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t start = at;
    const std::optional<char32_t> point = node::TakeCodePoint(bytes, at);
    if (point && *point == U'\\') {
      text += "\\\\";
    } else if (point && IsVisible(*point)) {
      text += bytes.substr(start, at - start);
    } else {
      for (const char c : bytes.substr(start, at - start)) {
        text += "\\x" + WriteHex({&c, 1});
      }
    }
  }
  return text;
}

std::string WriteBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view three = bytes.substr(at, 3);
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= three.size() ? kBase64Digits[bits >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

Result<std::string> ReadHex(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const std::optional<char> byte = HexByte(text, at);
    if (!byte) {
      return NotIn("hexadecimal", text, at, "two digits are needed for each byte");
    }
    bytes += *byte;
  }
  return bytes;
}

// What stands behind a backslash at `at`, which moves behind it.
std::optional<char> ReadEscape(std::string_view text, std::size_t& at) {
  constexpr std::string_view kNames = "\\ntr0";
  constexpr std::string_view kMeanings("\\\n\t\r\0", 5);
  if (at < text.size() && text[at] == 'x') {
    const std::optional<char> byte = HexByte(text, at + 1);
    at += 3;
    return byte;
  }
  const std::size_t name = at < text.size() ? kNames.find(text[at]) : std::string_view::npos;
  ++at;
  return name == std::string_view::npos ? std::nullopt : std::optional(kMeanings[name]);
}

Result<std::string> ReadEscaped(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char c = text[at++];
    if (c != '\\') {
      bytes += c;
      continue;
    }
    const std::optional<char> byte = ReadEscape(text, at);
    if (!byte) {
      return NotIn("escaped", text, start, "write \\\\ for a backslash and \\xNN for a byte");
    }
    bytes += *byte;
  }
  return bytes;
}

Result<std::string> ReadBase64(std::string_view text) {
  const std::size_t end = text.find_last_not_of('=') + 1;  // 0 when there is nothing else.
  if (text.size() % 4 != 0 || text.size() - end > 2) {
    return NotIn("base64", text, text.size(), "the length is a multiple of four, padded by =");
  }
  std::string bytes;
  unsigned bits = 0;
  for (std::size_t at = 0; at < end; ++at) {
    const std::size_t digit = kBase64Digits.find(text[at]);
    if (digit == std::string_view::npos) {
      return NotIn("base64", text, at, "only A-Z a-z 0-9 + and / are digits");
    }
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xFFFFFF;
    if (at % 4 != 0) {
      bytes += static_cast<char>(bits >> (6 - 2 * (at % 4)) & 0xFF);
    }
  }
  return bytes;
}

}  // namespace

std::string Write(Notation notation, std::string_view bytes) {
  switch (notation) {
    case Notation::kHex: return WriteHex(bytes);
    case Notation::kBase64: return WriteBase64(bytes);
    case Notation::kEscaped: break;
  }
  return WriteEscaped(bytes);
}

Result<std::string> Read(Notation notation, std::string_view text) {
  switch (notation) {
    case Notation::kHex: return ReadHex(text);
    case Notation::kBase64: return ReadBase64(text);
    case Notation::kEscaped: break;
  }
  return ReadEscaped(text);
}

}  // namespace firn::cli
