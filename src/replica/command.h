// SPDX-License-Identifier: Apache-2.0
//
// What an entry of the replicated log asks of the state machine: a group of clients' commands, each
// applied whole or not at all, in their order (docs/format/raft-log.md, "group"). Everything that
// nodes could disagree about, time above all, was decided by the leader and stands in the group.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "firn/result.h"

namespace firn {

// Who asks, and which of its requests this is: a command that was applied under the same tag is not
// applied again. Without a session (0) nothing is remembered.
struct RequestTag {
  std::uint64_t session = 0;   // Its id: the revision at which it was opened.
  std::uint64_t sequence = 0;  // Of the session's requests, from 1.

  friend bool operator==(const RequestTag&, const RequestTag&) = default;
};

// What must hold for a command to be applied.
struct Condition {
  enum class Kind : std::uint8_t { kNone = 0, kAbsent = 1, kValue = 2, kRevision = 3 };

  Kind kind = Kind::kNone;
  std::string_view key{};
  std::string_view value{};    // kValue: the key has this value.
  std::uint64_t revision = 0;  // kRevision: the key was last written at this one.

  friend bool operator==(const Condition&, const Condition&) = default;
};

struct Command {
  enum class Kind : std::uint8_t { kWrite = 1, kOpenSession = 2, kCloseSession = 3 };

  Kind kind = Kind::kWrite;
  RequestTag tag{};
  Condition condition{};
  std::string_view operations{};  // kWrite: as in docs/format/wal.md; at least one.

  friend bool operator==(const Command&, const Command&) = default;
};

struct GroupHeader {
  std::uint64_t proposal = 0;    // Unique for ever: by it the leader knows its own.
  std::uint64_t elapsed_ms = 0;  // On the leader's clock since its group before; capped.
};

// Operations that commands of one group may make, so that each has a revision of its own.
inline constexpr std::uint64_t kGroupOperationsMax = 60'000;
inline constexpr std::uint64_t kElapsedMax = 1'000;  // Milliseconds.

// Builds a group, command by command.
class GroupBuilder {
 public:
  explicit GroupBuilder(const GroupHeader& header);

  void Add(const Command& command);
  std::size_t size() const { return bytes_.size(); }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Visits the commands of a group in order; views point into `bytes`. Stops at the visitor's first
// error. kCorruption when it is no group, kUnsupported when a newer version made it.
Result<GroupHeader> VisitGroup(std::string_view bytes,
                               const std::function<Result<void>(const Command&)>& visit);

}  // namespace firn
