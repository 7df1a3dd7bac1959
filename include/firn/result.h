// SPDX-License-Identifier: Apache-2.0
//
// How Firn reports what went wrong. Absence is not an error: a key that is not there is an empty
// std::optional. An Error is something the world did (a full disk, a damaged file, a bad argument)
// and carries the evidence in its context: which file, which offset, what was expected, what came.
// Bugs in Firn itself abort the process instead, in release builds too.
//
// Result<T> has the member names of C++23's std::expected and may become an alias of it. Discarding
// one is a compiler warning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#pragma GCC visibility push(default)
namespace firn {

// What the caller should do about each code is part of its meaning.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // The request can never succeed as it stands. Change it.
  kNotFound,         // A file, directory or table that was named does not exist. Check the name.
  kAlreadyExists,  // A database or file stands where a new one was asked for. Choose another place.
  kBusy,           // Another handle or process holds the database. Close it, then try again.
  kCorruption,   // A checksum or structure is wrong. Restore the named file; other data is served.
  kIo,           // The system refused an operation. The database may be read-only until reopened.
  kNoSpace,      // The disk is full, or no descriptor is left. Free some and go on: no reopening.
  kReadOnly,     // A write met a database opened, or made by a failure, read-only. Reopen it.
  kUnsupported,  // The file or option needs a version or a system feature that is not here.
  kClosed,       // The database was closed, or belongs to the parent of a forked process.
};

// The name of a code as it appears in messages, such as "corruption".
std::string_view Name(ErrorCode code);

// One thing that went wrong. `context` is lower case, without a final period, and names the thing.
struct Error {
  ErrorCode code;
  std::string context;

  // "corruption: table L0_001.sst @4096: checksum 1f2e3d4c want 9ab01122"
  std::string Describe() const;

  friend bool operator==(const Error&, const Error&) = default;
};

namespace internal {
// Prints the error and aborts: reading the value of a failed result is a bug in the caller.
[[noreturn]] void AbortOnBadResultAccess(const Error& error);
}  // namespace internal

// Either a T or an Error. Not thread-safe; as cheap to move as what it holds.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // The value. Aborts with the error's text when there is none.
  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Result*>(this)->Checked(); }
  // By value, so that a loop over the value of a temporary result does not dangle.
  T value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->Checked(); }
  T operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->Checked(); }

  // The error. Requires !has_value().
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  template <typename U>
  T value_or(U&& fallback) && {
    return has_value() ? std::move(Checked()) : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  T& Checked() {
    if (T* value = std::get_if<0>(&state_)) [[likely]] {
      return *value;
    }
    internal::AbortOnBadResultAccess(std::get<1>(state_));
  }

  std::variant<T, Error> state_;
};

// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Aborts with the error's text when there is one.
  void value() const {
    if (!has_value()) {
      internal::AbortOnBadResultAccess(std::get<1>(state_));
    }
  }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace firn
#pragma GCC visibility pop
