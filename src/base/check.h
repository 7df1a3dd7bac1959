// SPDX-License-Identifier: Apache-2.0
//
// FIRN_CHECK(condition, values…) states what the code itself guarantees. A false one is a bug: it
// prints the condition with the values and aborts, in release builds too. Never for bytes that come
// from disk, network or a caller: those are errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace firn::internal {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& values);

template <typename... Values>
std::string DescribeValues(const Values&... values) {
  std::string text;
  [[maybe_unused]] auto append = [&text](const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    text += ' ';
    if constexpr (std::is_convertible_v<Value, std::string_view>) {
      text += std::string_view(value);
    } else if constexpr (std::is_arithmetic_v<Value>) {
      text += std::to_string(value);
    } else {
      text += std::to_string(value.value);
    }
  };
  (append(values), ...);
  return text;
}

}  // namespace firn::internal

#define FIRN_CHECK(condition, ...)                                     \
  (static_cast<bool>(condition)                                        \
       ? static_cast<void>(0)                                          \
       : ::firn::internal::CheckFailed(__FILE__, __LINE__, #condition, \
                                       ::firn::internal::DescribeValues(__VA_ARGS__)))
