// SPDX-License-Identifier: Apache-2.0
//
// The sessions of clients, by which a request that is sent again is applied once (Raft dissertation
// §6.3). A session is a row in the store, and each remembered result is another, in a ring by the
// request's sequence; all under a prefix that clients cannot write. So sessions travel in tables,
// checkpoints and state snapshots like all other data.
//
// What is kept in memory is a function of the rows alone: a node that restarts from them decides as
// one that never did. Time is the replicated clock. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "firn/result.h"
#include "replica/command.h"
#include "storage/engine/engine.h"

namespace firn {

// No client's key begins with it.
inline constexpr std::string_view kReservedPrefix = "\xff\xff\xff\xff";

// What became of a command.
struct Outcome {
  enum class Code : std::uint8_t {
    kApplied = 0,
    kConditionFailed = 1,  // Nothing was written.
    kUnknownSession = 2,   // Never opened, closed or expired: the client must open another.
    kForgotten = 3,        // So old that its result is no longer remembered.
  };

  Code code = Code::kApplied;
  std::uint64_t revision = 0;  // Of its last operation; of the state it was refused on.

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class SessionTable {
 public:
  static constexpr std::uint64_t kSessionsMax = 10'000;  // The least recently used make room.
  static constexpr std::uint64_t kResultsMax = 1'024;    // Of a session.
  static constexpr std::uint64_t kExpiryMs = 60 * 60 * 1'000;
  // How stale a session's time of last use may be, so that not every request writes its row.
  static constexpr std::uint64_t kUseGranuleMs = 60 * 1'000;

  // Reads the rows. kCorruption, kIo.
  static Result<SessionTable> Load(Engine& engine);
  // Knows none.
  explicit SessionTable(Engine& engine) : engine_(&engine) {}

  struct Judgement {
    bool is_new = false;                // To be applied.
    std::optional<Outcome> remembered;  // Else: what to answer.
  };
  // Whether the command under this tag was applied before.
  Result<Judgement> Judge(const RequestTag& tag) const;

  // Each appends the operations that make its change durable to `operations` and returns how many.
  std::uint64_t Open(std::uint64_t id, std::uint64_t now_ms, std::string& operations);
  std::uint64_t Close(std::uint64_t id, std::string& operations);
  std::uint64_t Remember(const RequestTag& tag, const Outcome& outcome, std::uint64_t now_ms,
                         std::string& operations);
  // Closes sessions that nobody used for long, and those that are too many; a few at a time.
  std::uint64_t Expire(std::uint64_t now_ms, std::string& operations);

  // Results of commands are looked up in the engine once the group they are of is written.
  void GroupWritten() { unwritten_.clear(); }

  std::size_t size() const { return sessions_.size(); }

 private:
  struct Session {
    std::uint64_t used_ms = 0;        // As its row says.
    std::uint64_t last_sequence = 0;  // Largest that is remembered.
  };
  struct Remembered {
    std::uint64_t sequence = 0;
    Outcome outcome;
  };

  void PutRow(std::uint64_t id, std::uint64_t used_ms, std::string& operations);
  Result<std::optional<Remembered>> Find(const RequestTag& tag) const;

  Engine* engine_;
  std::unordered_map<std::uint64_t, Session> sessions_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> by_use_;  // (used_ms, id)
  std::map<std::string, Remembered, std::less<>> unwritten_;  // By key of the result row.
};

}  // namespace firn
