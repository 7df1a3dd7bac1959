// SPDX-License-Identifier: Apache-2.0
//
// One line of the protocol, taken apart: the envelope {"src", "dest", "body"} and the fields of the
// body (docs/protocol/node.md). Lines come from anybody, so depth, number of values and number of
// fields are bounded, and what is said twice is not guessed at. Memory and time are linear in the
// line. Thread-safe: no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"

namespace firn::node {

// A JSON value. Of numbers only integers that fit 64 bits are kept: no message has others.
struct JsonValue {
  enum class Kind : std::uint8_t {
    kNull,
    kBoolean,
    kInteger,
    kOtherNumber,
    kString,
    kArray,
    kObject,
  };

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;
  std::string name;                 // As a member of an object.
  std::vector<JsonValue> elements;  // Of an array, or the members of an object.

  // The member of this name, or null.
  const JsonValue* Find(std::string_view member) const;
};

// "string", "integer": for messages.
std::string_view Name(JsonValue::Kind kind);

inline constexpr std::size_t kJsonDepthMax = 32;
inline constexpr std::size_t kJsonFieldsMax = 64;  // In one object.
inline constexpr std::size_t kJsonValuesMax = std::size_t{1} << 18;

struct JsonMessage {
  std::string source;
  std::string destination;  // Empty when the line names none.
  std::int64_t id = 0;
  JsonValue body;

  // Why the message cannot be acted on although it can be answered: too deep, a field that appears
  // twice, text that is not Unicode.
  std::optional<std::string> fault;
};

// kInvalidArgument, saying at which byte, for a line that cannot be answered: it is not JSON, or
// has no "src" or "msg_id" to answer to.
Result<JsonMessage> ParseMessage(std::string_view line);

}  // namespace firn::node
