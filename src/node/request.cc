// SPDX-License-Identifier: Apache-2.0
#include "node/request.h"

#include <string>

#include "base/propagate.h"
#include "firn/limits.h"

namespace firn::node {
namespace {

using Kind = JsonValue::Kind;

Error Malformed(std::string_view field, const std::string& why) {
  return {ErrorCode::kInvalidArgument, "field " + std::string(field) + " " + why};
}

Error WrongKind(std::string_view field, Kind got, Kind want) {
  return Malformed(field,
                   "is of kind " + std::string(Name(got)) + " want " + std::string(Name(want)));
}

}  // namespace

Result<const JsonValue*> Request::Optional(std::string_view name, Kind kind) const {
  const JsonValue* value = fields_.Find(name);
  if (value == nullptr || value->kind == Kind::kNull) {
    return nullptr;
  }
  if (value->kind != kind) {
    return WrongKind(name, value->kind, kind);
  }
  return value;
}

Result<const JsonValue*> Request::Required(std::string_view name, Kind kind) const {
  FIRN_TRY_ASSIGN(const JsonValue* value, Optional(name, kind));
  if (value == nullptr) {
    return Malformed(name, "is missing");
  }
  return value;
}

Result<std::string_view> Request::Text(std::string_view name) const {
  FIRN_TRY_ASSIGN(const JsonValue* value, Required(name, Kind::kString));
  return std::string_view(value->text);
}

Result<std::optional<std::string_view>> Request::OptionalText(std::string_view name) const {
  FIRN_TRY_ASSIGN(const JsonValue* value, Optional(name, Kind::kString));
  return value == nullptr ? std::optional<std::string_view>() : std::string_view(value->text);
}

Result<std::string_view> Request::Key() const {
  FIRN_TRY_ASSIGN(const std::string_view key, Text("key"));
  if (key.empty() || key.size() > kKeyBytesMax) {
    return Malformed("key", "has " + std::to_string(key.size()) + " bytes, allowed are 1 to " +
                                std::to_string(kKeyBytesMax));
  }
  return key;
}

Result<std::optional<std::uint64_t>> Request::OptionalInteger(std::string_view name,
                                                              Range range) const {
  FIRN_TRY_ASSIGN(const JsonValue* value, Optional(name, Kind::kInteger));
  if (value == nullptr) {
    return std::optional<std::uint64_t>();
  }
  if (value->integer < range.min || value->integer > range.max) {
    return Malformed(name, "is " + std::to_string(value->integer) + ", allowed are " +
                               std::to_string(range.min) + " to " + std::to_string(range.max));
  }
  return std::optional(static_cast<std::uint64_t>(value->integer));
}

Result<std::uint64_t> Request::Integer(std::string_view name, Range range) const {
  FIRN_TRY_ASSIGN(const std::optional<std::uint64_t> value, OptionalInteger(name, range));
  if (!value) {
    return Malformed(name, "is missing");
  }
  return *value;
}

Result<bool> Request::OptionalBoolean(std::string_view name) const {
  FIRN_TRY_ASSIGN(const JsonValue* value, Optional(name, Kind::kBoolean));
  return value != nullptr && value->boolean;
}

Result<const JsonValue*> Request::ArrayOf(std::string_view name, Kind kind) const {
  FIRN_TRY_ASSIGN(const JsonValue* array, Required(name, Kind::kArray));
  for (const JsonValue& element : array->elements) {
    if (element.kind != kind) {
      return WrongKind(std::string(name) + " element", element.kind, kind);
    }
  }
  return array;
}

Result<const std::vector<JsonValue>*> Request::Objects(std::string_view name) const {
  FIRN_TRY_ASSIGN(const JsonValue* array, ArrayOf(name, Kind::kObject));
  return &array->elements;
}

Result<void> Request::CheckTexts(std::string_view name) const {
  FIRN_TRY(ArrayOf(name, Kind::kString));
  return {};
}

}  // namespace firn::node
