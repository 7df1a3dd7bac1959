// SPDX-License-Identifier: Apache-2.0
//
// Passing errors up. FIRN_TRY(expression) returns from the enclosing function when the Result<void>
// of the expression failed; FIRN_TRY_ASSIGN(declaration, expression) also takes the value of a
// Result<T> that did not.
#pragma once

#include <utility>

#include "firn/result.h"

#define FIRN_TRY_CONCAT_(a, b) a##b
#define FIRN_TRY_CONCAT(a, b) FIRN_TRY_CONCAT_(a, b)

#define FIRN_TRY(expression) FIRN_TRY_(FIRN_TRY_CONCAT(firn_try_result_, __LINE__), expression)
#define FIRN_TRY_(name, expression)                                 \
  do {                                                              \
    if (auto name = (expression); !name.has_value()) [[unlikely]] { \
      return std::move(name).error();                               \
    }                                                               \
  } while (false)

#define FIRN_TRY_ASSIGN(declaration, expression) \
  FIRN_TRY_ASSIGN_(FIRN_TRY_CONCAT(firn_try_value_, __LINE__), declaration, expression)
#define FIRN_TRY_ASSIGN_(name, declaration, expression) \
  auto name = (expression);                             \
  if (!name.has_value()) [[unlikely]] {                 \
    return std::move(name).error();                     \
  }                                                     \
  declaration = std::move(name).value()
