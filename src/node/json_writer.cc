// SPDX-License-Identifier: Apache-2.0
#include "node/json_writer.h"

#include <charconv>

#include "node/utf8.h"

namespace firn::node {
namespace {

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void AppendUnit(std::string& out, char32_t unit) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out += kDigits[unit >> shift & 15];
  }
}

void AppendEscaped(std::string& out, char32_t point) {
  switch (point) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (point < 0x10000) {
    AppendUnit(out, point);
    return;
  }
  AppendUnit(out, 0xD800 + ((point - 0x10000) >> 10));
  AppendUnit(out, 0xDC00 + (point & 0x3FF));
}

template <typename Number>
std::string_view Digits(Number value, char (&room)[32]) {
  const auto end = std::to_chars(room, room + sizeof room, value).ptr;
  return {room, static_cast<std::size_t>(end - room)};
}

}  // namespace

// Nothing that ends a value is an opening bracket, and strings end in a quote.
void JsonWriter::Separate() {
  if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != '\n') {
    out_ += ", ";
  }
}

void JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
}

void JsonWriter::OpenMember(std::string_view name, char bracket) {
  Name(name);
  out_ += bracket;
}

void JsonWriter::Name(std::string_view name) {
  Separate();
  Quoted(name);
  out_ += ": ";
}

void JsonWriter::Quoted(std::string_view text) {
  out_ += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = at;
    while (at < text.size() && IsPlain(text[at])) {
      ++at;
    }
    out_.append(text, start, at - start);
    if (at < text.size()) {
      AppendEscaped(out_, TakeCodePoint(text, at).value_or(kReplacementCharacter));
    }
  }
  out_ += '"';
}

void JsonWriter::Text(std::string_view name, std::string_view value) {
  Name(name);
  Quoted(value);
}

void JsonWriter::Integer(std::string_view name, std::uint64_t value) {
  char room[32];
  Name(name);
  out_ += Digits(value, room);
}

void JsonWriter::SignedInteger(std::string_view name, std::int64_t value) {
  char room[32];
  Name(name);
  out_ += Digits(value, room);
}

void JsonWriter::Real(std::string_view name, double value) {
  char room[32];
  Name(name);
  const std::string_view digits = Digits(value, room);
  out_ += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) {
    out_ += ".0";
  }
}

void JsonWriter::Boolean(std::string_view name, bool value) {
  Name(name);
  out_ += value ? "true" : "false";
}

void JsonWriter::Null(std::string_view name) {
  Name(name);
  out_ += "null";
}

}  // namespace firn::node
