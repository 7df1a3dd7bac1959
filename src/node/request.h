// SPDX-License-Identifier: Apache-2.0
//
// The fields of a message as its handler wants them: of the right type and within bounds, or an
// error that names the field. A field that is null counts as missing. Every error is
// kInvalidArgument. Views hold as long as the message does. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "node/json_message.h"

namespace firn::node {

class Request {
 public:
  struct Range {
    std::int64_t min = 0;
    std::int64_t max = INT64_MAX;
  };

  // Of the body of a message, or of an object inside it; `fields` must outlive the request.
  explicit Request(const JsonValue& fields) : fields_(fields) {}

  Result<std::string_view> Text(std::string_view name) const;
  Result<std::optional<std::string_view>> OptionalText(std::string_view name) const;
  // The field "key", of 1 byte to kKeyBytesMax.
  Result<std::string_view> Key() const;

  Result<std::uint64_t> Integer(std::string_view name, Range range) const;
  Result<std::optional<std::uint64_t>> OptionalInteger(std::string_view name, Range range) const;
  // False when it is missing.
  Result<bool> OptionalBoolean(std::string_view name) const;

  // Elements that are all objects.
  Result<const std::vector<JsonValue>*> Objects(std::string_view name) const;
  Result<void> CheckTexts(std::string_view name) const;  // An array of strings.

 private:
  // Null when the field is missing; an error when it is of another kind.
  Result<const JsonValue*> Optional(std::string_view name, JsonValue::Kind kind) const;
  Result<const JsonValue*> Required(std::string_view name, JsonValue::Kind kind) const;
  Result<const JsonValue*> ArrayOf(std::string_view name, JsonValue::Kind kind) const;

  const JsonValue& fields_;
};

}  // namespace firn::node
