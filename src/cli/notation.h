// SPDX-License-Identifier: Apache-2.0
//
// Keys and values, which are any bytes, on a command line and on a terminal. Escaped text is what
// people type: printable UTF-8 stands for itself, a backslash doubles, and \xNN is any byte (\n,
// \t,
// \r and \0 are understood too). Hexadecimal and base64 are for programs. What is written in a
// notation reads back as the same bytes, and nothing that is written moves a terminal's cursor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firn/result.h"

namespace firn::cli {

enum class Notation : std::uint8_t { kEscaped, kHex, kBase64 };

std::string Write(Notation notation, std::string_view bytes);
// kInvalidArgument, with the place, when the text is not in the notation.
Result<std::string> Read(Notation notation, std::string_view text);

}  // namespace firn::cli
