// SPDX-License-Identifier: Apache-2.0
//
// How a call to a cluster ends when it does not end well. The engine's ErrorCode speaks of files
// and disks; what a caller of a cluster has to know is another thing: whether the request was
// carried out, and whether asking again makes sense.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace firn::client {

// What the caller should do about each kind is part of its meaning.
enum class FailureKind : std::uint8_t {
  kInvalid,         // Not done, and never will be as it stands. Change the request.
  kRefused,         // Not done: it makes no sense at present, the text says why.
  kUnavailable,     // Not done in the time given. Try again later, or give more time.
  kUnknownOutcome,  // Done or not; nobody can tell any more. Read, then decide.
  kScanExpired,     // The state that the scan was reading is gone. Begin the scan anew.
  kServer,          // The node failed at it, done or not; the text says how. See to the node.
  kClosed,          // The client was destroyed meanwhile. Like kUnknownOutcome.
};

// "unknown outcome"
std::string_view Name(FailureKind kind);

struct Failure {
  FailureKind kind;
  std::string context;  // Lower case, without a final period; names the node where there is one.

  // "unavailable: 127.0.0.1:7101: connection refused"
  std::string Describe() const;

  friend bool operator==(const Failure&, const Failure&) = default;
};

namespace internal {
// Prints the failure and aborts: reading the value of a failed reply is a bug in the caller.
[[noreturn]] void AbortOnBadReplyAccess(const Failure& failure);
}  // namespace internal

// Either a T or a Failure, with the member names of firn::Result, so that FIRN_TRY takes it too.
template <typename T>
class [[nodiscard]] Reply {
 public:
  using value_type = T;

  Reply(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Reply(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Reply*>(this)->Checked(); }
  T value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return const_cast<Reply*>(this)->Checked(); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &const_cast<Reply*>(this)->Checked(); }

  // Requires !has_value().
  const Failure& error() const& { return std::get<1>(state_); }
  Failure&& error() && { return std::get<1>(std::move(state_)); }

 private:
  T& Checked() {
    if (T* value = std::get_if<0>(&state_)) [[likely]] {
      return *value;
    }
    internal::AbortOnBadReplyAccess(std::get<1>(state_));
  }

  std::variant<T, Failure> state_;
};

}  // namespace firn::client
