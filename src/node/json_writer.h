// SPDX-License-Identifier: Apache-2.0
//
// Writes JSON the way the protocol prints it: ", " and ": " between the parts, everything outside
// ASCII as \uXXXX, surrogate pairs above U+FFFF. Members come out in the order of the calls. Bytes
// that are not UTF-8, which other programs may have stored, come out as U+FFFD.
//
// Inside an object the calls with a name are used, inside an array those without. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace firn::node {

class JsonWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}

  void BeginObject() { Open('{'); }
  void BeginObject(std::string_view name) { OpenMember(name, '{'); }
  void EndObject() { out_ += '}'; }
  void BeginArray(std::string_view name) { OpenMember(name, '['); }
  void EndArray() { out_ += ']'; }

  void Text(std::string_view name, std::string_view value);
  void Integer(std::string_view name, std::uint64_t value);
  void SignedInteger(std::string_view name, std::int64_t value);
  // The shortest digits that give the same number; always with a point or an exponent.
  void Real(std::string_view name, double value);
  void Boolean(std::string_view name, bool value);
  void Null(std::string_view name);

  // Of everything written to `out` so far.
  std::size_t bytes() const { return out_.size(); }

 private:
  void Separate();
  void Open(char bracket);
  void OpenMember(std::string_view name, char bracket);
  void Name(std::string_view name);
  void Quoted(std::string_view text);

  std::string& out_;
};

}  // namespace firn::node
