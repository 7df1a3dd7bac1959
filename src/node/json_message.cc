// SPDX-License-Identifier: Apache-2.0
//
// The grammar is nlohmann's, through its event interface: its parser keeps its own stack, so
// nesting costs a bit for each level and never the thread's stack. TreeBuilder keeps what the
// limits allow and passes over the rest, so that the envelope of an excessive message is still
// found.
//
// Text that is not Unicode ends nlohmann's parse. Such a line is parsed a second time with the bad
// places replaced, only to learn whom to tell.
#include "node/json_message.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/printable.h"
#include "base/propagate.h"
#include "node/utf8.h"

namespace firn::node {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kReplacementInUtf8 = "\xEF\xBF\xBD";
constexpr std::size_t kFieldsExpected = 8;

// Receives the parser's events. Method names are the parser's.
class TreeBuilder {
 public:
  bool null() {
    return Keep([](JsonValue&) {});
  }
  bool boolean(bool value) {
    return Keep([&](JsonValue& to) {
      to.kind = JsonValue::Kind::kBoolean;
      to.boolean = value;
    });
  }
  bool number_integer(std::int64_t value) {
    return Keep([&](JsonValue& to) {
      to.kind = JsonValue::Kind::kInteger;
      to.integer = value;
    });
  }
  bool number_unsigned(std::uint64_t value) {
    if (value > INT64_MAX) {
      return number_float(0, {});
    }
    return number_integer(static_cast<std::int64_t>(value));
  }
  bool number_float(double, const std::string&) {
    return Keep([](JsonValue& to) { to.kind = JsonValue::Kind::kOtherNumber; });
  }
  bool string(std::string& value) {
    return Keep([&](JsonValue& to) {
      to.kind = JsonValue::Kind::kString;
      to.text = std::move(value);
    });
  }
  bool binary(const Json::binary_t&) { return true; }  // Not in text.

  bool start_object(std::size_t) { return Open(JsonValue::Kind::kObject); }
  bool end_object() { return Close(); }
  bool start_array(std::size_t) { return Open(JsonValue::Kind::kArray); }
  bool end_array() { return Close(); }
  bool key(std::string& name);

  bool parse_error(std::size_t position, const std::string&, const Json::exception& exception) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while …"
    std::string_view reason = exception.what();
    const std::size_t prefix = reason.find(": ");
    reason.remove_prefix(prefix == std::string_view::npos ? 0 : prefix + 2);
    constexpr std::size_t kReasonBytesMax = 160;
    error_ =
        "not JSON at byte " + std::to_string(position) + ": " + Printable(reason, kReasonBytesMax);
    return false;
  }

  JsonValue& root() { return root_; }
  std::optional<std::string>& fault() { return fault_; }
  const std::string& error() const { return error_; }

 private:
  // Where the next value goes; null when it is passed over.
  JsonValue* Place();
  template <typename Fill>
  bool Keep(Fill fill) {
    if (JsonValue* place = Place()) {
      fill(*place);
    }
    return true;
  }
  bool Open(JsonValue::Kind kind);
  bool Close();
  void Fault(std::string what) {
    if (!fault_) {
      fault_ = std::move(what);
    }
  }

  JsonValue root_;
  // The open containers. An element of a vector that grows is never open: it is added when the one
  // before it is closed.
  std::vector<JsonValue*> open_;
  std::size_t passed_over_ = 0;  // Open containers that are not kept.
  bool pass_over_next_ = false;
  std::size_t values_ = 0;
  std::string name_;  // Of the member to come.
  std::optional<std::string> fault_;
  std::string error_;
};

JsonValue* TreeBuilder::Place() {
  if (std::exchange(pass_over_next_, false) || passed_over_ > 0) {
    return nullptr;
  }
  if (open_.empty()) {
    return &root_;
  }
  if (++values_ > kJsonValuesMax) {
    Fault("more than " + std::to_string(kJsonValuesMax) + " values");
    return nullptr;
  }
  JsonValue& parent = *open_.back();
  JsonValue& place = parent.elements.emplace_back();
  if (parent.kind == JsonValue::Kind::kObject) {
    place.name = std::move(name_);
  }
  return &place;
}

bool TreeBuilder::Open(JsonValue::Kind kind) {
  if (open_.size() == kJsonDepthMax) {
    Fault("nested deeper than " + std::to_string(kJsonDepthMax));
    pass_over_next_ = true;
  }
  JsonValue* place = Place();
  if (place == nullptr) {
    ++passed_over_;
    return true;
  }
  place->kind = kind;
  if (kind == JsonValue::Kind::kObject) {
    place->elements.reserve(kFieldsExpected);
  }
  open_.push_back(place);
  return true;
}

bool TreeBuilder::Close() {
  if (passed_over_ > 0) {
    --passed_over_;
  } else {
    open_.pop_back();
  }
  return true;
}

bool TreeBuilder::key(std::string& name) {
  if (passed_over_ > 0) {
    return true;
  }
  const JsonValue& object = *open_.back();
  if (object.elements.size() == kJsonFieldsMax) {
    Fault("an object of more than " + std::to_string(kJsonFieldsMax) + " fields");
    pass_over_next_ = true;
  } else if (object.Find(name) != nullptr) {
    Fault("field " + Printable(name) + " appears twice");
    pass_over_next_ = true;
  } else {
    name_ = std::move(name);
  }
  return true;
}

Error Unanswerable(std::string why) { return {ErrorCode::kInvalidArgument, std::move(why)}; }

Result<JsonMessage> TakeMessage(TreeBuilder& tree) {
  JsonMessage message;
  message.fault = std::move(tree.fault());
  const std::string suffix = message.fault ? " (" + *message.fault + ")" : "";
  for (JsonValue& part : tree.root().elements) {
    if (part.name == "src" && part.kind == JsonValue::Kind::kString) {
      message.source = std::move(part.text);
    } else if (part.name == "dest" && part.kind == JsonValue::Kind::kString) {
      message.destination = std::move(part.text);
    } else if (part.name == "body" && part.kind == JsonValue::Kind::kObject) {
      message.body = std::move(part);
    }
  }
  if (tree.root().kind != JsonValue::Kind::kObject) {
    return Unanswerable("not an object but a value of kind " + std::string(Name(tree.root().kind)));
  }
  if (message.source.empty()) {
    return Unanswerable("no src to answer to" + suffix);
  }
  const JsonValue* id = message.body.Find("msg_id");
  if (id == nullptr || id->kind != JsonValue::Kind::kInteger) {
    return Unanswerable("no integer msg_id in a body to answer to" + suffix);
  }
  message.id = id->integer;
  return message;
}

// The number behind a \u at `at`, or nothing.
std::optional<unsigned> EscapedUnit(std::string_view line, std::size_t at) {
  constexpr std::size_t kEscapeBytes = 6;
  if (line.size() - at < kEscapeBytes || line[at] != '\\' || line[at + 1] != 'u') {
    return std::nullopt;
  }
  unsigned unit = 0;
  for (const char c : line.substr(at + 2, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (lower < 'a' || lower > 'f')) {
      return std::nullopt;
    }
    unit = unit << 4 | static_cast<unsigned>(digit ? c - '0' : lower - 'a' + 10);
  }
  return unit;
}

bool IsHighSurrogate(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

// The line with replacement characters for what is not Unicode in it.
class TextRepair {
 public:
  explicit TextRepair(std::string_view line) : line_(line) {
    while (at_ < line_.size()) {
      if (line_[at_] == '\\') {
        TakeEscape();
      } else {
        TakeBytes();
      }
    }
  }

  const std::string& repaired() const { return repaired_; }
  // The first fault; empty when the text is Unicode throughout.
  const std::string& fault() const { return fault_; }

 private:
  void TakeBytes() {
    const std::size_t start = at_;
    if (TakeCodePoint(line_, at_)) {
      repaired_.append(line_, start, at_ - start);
    } else {
      Replace("text is not UTF-8 at byte ", start);
    }
  }

  void TakeEscape() {
    const std::size_t start = at_;
    const auto unit = EscapedUnit(line_, at_);
    if (!unit) {
      // An escape of one character, which may be a backslash itself.
      at_ = std::min(at_ + 2, line_.size());
      repaired_.append(line_, start, at_ - start);
      return;
    }
    at_ += 6;
    if (IsHighSurrogate(*unit)) {
      const auto low = EscapedUnit(line_, at_);
      if (!low || !IsLowSurrogate(*low)) {
        Replace("lone surrogate at byte ", start);
        return;
      }
      at_ += 6;
    } else if (IsLowSurrogate(*unit)) {
      Replace("lone surrogate at byte ", start);
      return;
    }
    repaired_.append(line_, start, at_ - start);
  }

  void Replace(std::string_view what, std::size_t where) {
    repaired_.append(kReplacementInUtf8);
    if (fault_.empty()) {
      fault_ = std::string(what) + std::to_string(where + 1);
    }
  }

  const std::string_view line_;
  std::size_t at_ = 0;
  std::string repaired_;
  std::string fault_;
};

bool Parse(std::string_view line, TreeBuilder& tree) {
  return Json::sax_parse(line.begin(), line.end(), &tree);
}

Result<JsonMessage> ParseRepaired(std::string_view line, std::string first_error) {
  TextRepair repair(line);
  TreeBuilder tree;
  if (repair.fault().empty() || !Parse(repair.repaired(), tree)) {
    return Unanswerable(std::move(first_error));
  }
  tree.fault() = repair.fault();
  return TakeMessage(tree);
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view member) const {
  const auto found = std::ranges::find(elements, member, &JsonValue::name);
  return found == elements.end() ? nullptr : &*found;
}

std::string_view Name(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::kNull: return "null";
    case JsonValue::Kind::kBoolean: return "boolean";
    case JsonValue::Kind::kInteger: return "integer";
    case JsonValue::Kind::kOtherNumber: return "number";
    case JsonValue::Kind::kString: return "string";
    case JsonValue::Kind::kArray: return "array";
    case JsonValue::Kind::kObject: return "object";
  }
  return "unknown";
}

Result<JsonMessage> ParseMessage(std::string_view line) {
  // The parser takes a zero byte for the end of its input.
  if (const std::size_t zero = line.find('\0'); zero != std::string_view::npos) {
    return Unanswerable("not JSON at byte " + std::to_string(zero + 1) + ": a zero byte");
  }
  TreeBuilder tree;
  if (!Parse(line, tree)) {
    return ParseRepaired(line, tree.error());
  }
  return TakeMessage(tree);
}

}  // namespace firn::node
