// SPDX-License-Identifier: Apache-2.0
//
// Layout and rules are in docs/format/replica-state.md: they decide which rows there are, so that a
// change of any of them, of a limit too, is one that all nodes must make at the same entry.
//
//   session row   prefix 's' id:u64be                   -> used_ms:varint
//   result row    prefix 'r' id:u64be slot:u16be        -> sequence:varint code:u8 revision:varint
#include "replica/session_table.h"

#include <algorithm>

#include "base/coding.h"
#include "base/propagate.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

// Each entry closes a few at most, since a session may have a thousand results.
constexpr int kClosedAtOnce = 3;

void PutBig(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

std::uint64_t TakeBig(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) {
    value = value << 8 | static_cast<std::uint8_t>(byte);
  }
  return value;
}

std::string KeyStart(char kind) { return std::string(kReservedPrefix) + kind; }

std::string SessionKey(std::uint64_t id) {
  std::string key = KeyStart('s');
  PutBig(key, id, 8);
  return key;
}

std::string ResultKey(std::uint64_t id, std::uint64_t sequence) {
  std::string key = KeyStart('r');
  PutBig(key, id, 8);
  PutBig(key, sequence % SessionTable::kResultsMax, 2);
  return key;
}

Error BadRow(std::string_view what) {
  return {ErrorCode::kCorruption, std::string("session table: bad ").append(what)};
}

}  // namespace

Result<SessionTable> SessionTable::Load(Engine& engine) {
  SessionTable table(engine);
  ScanOptions options;
  options.prefix = KeyStart('s');
  Iterator rows = engine.NewIterator(options);
  for (rows.SeekToFirst(); rows.valid(); rows.Next()) {
    if (rows.key().size() != options.prefix.size() + 8) {
      return BadRow("key of a session");
    }
    Decoder in(rows.value());
    const std::uint64_t id = TakeBig(rows.key().substr(options.prefix.size()));
    const std::uint64_t used_ms = in.Varint();
    if (!in.ok()) {
      return BadRow("row of a session");
    }
    table.sessions_[id] = {.used_ms = used_ms, .last_sequence = 0};
    table.by_use_.insert({used_ms, id});
  }
  FIRN_TRY(rows.status());
  options.prefix = KeyStart('r');
  Iterator results = engine.NewIterator(options);
  for (results.SeekToFirst(); results.valid(); results.Next()) {
    if (results.key().size() != options.prefix.size() + 10) {
      return BadRow("key of a result");
    }
    Decoder in(results.value());
    const auto session =
        table.sessions_.find(TakeBig(results.key().substr(options.prefix.size(), 8)));
    const std::uint64_t sequence = in.Varint();
    if (!in.ok() || session == table.sessions_.end()) {
      return BadRow("row of a result");
    }
    session->second.last_sequence = std::max(session->second.last_sequence, sequence);
  }
  FIRN_TRY(results.status());
  return table;
}

Result<std::optional<SessionTable::Remembered>> SessionTable::Find(const RequestTag& tag) const {
  const std::string key = ResultKey(tag.session, tag.sequence);
  if (const auto found = unwritten_.find(key); found != unwritten_.end()) {
    return std::optional(found->second);
  }
  FIRN_TRY_ASSIGN(const TracedRead read, engine_->Get(key, {}));
  if (!read.value) {
    return std::optional<Remembered>();
  }
  Decoder in(*read.value);
  Remembered remembered;
  remembered.sequence = in.Varint();
  remembered.outcome.code = static_cast<Outcome::Code>(in.Little<std::uint8_t>());
  remembered.outcome.revision = in.Varint();
  return in.ok() ? Result<std::optional<Remembered>>(remembered) : BadRow("row of a result");
}

// A request may overtake an earlier one of its session, so a sequence below the last is new as long
// as its slot holds nothing newer.
Result<SessionTable::Judgement> SessionTable::Judge(const RequestTag& tag) const {
  const auto session = sessions_.find(tag.session);
  if (session == sessions_.end()) {
    return Judgement{.remembered = Outcome{.code = Outcome::Code::kUnknownSession}};
  }
  if (tag.sequence > session->second.last_sequence) {
    return Judgement{.is_new = true, .remembered = {}};
  }
  if (tag.sequence + kResultsMax <= session->second.last_sequence) {
    return Judgement{.remembered = Outcome{.code = Outcome::Code::kForgotten}};
  }
  FIRN_TRY_ASSIGN(const std::optional<Remembered> remembered, Find(tag));
  if (!remembered || remembered->sequence < tag.sequence) {
    return Judgement{.is_new = true, .remembered = {}};
  }
  return Judgement{.remembered = remembered->outcome};
}

void SessionTable::PutRow(std::uint64_t id, std::uint64_t used_ms, std::string& operations) {
  std::string row;
  PutVarint(row, used_ms);
  EncodePut(operations, SessionKey(id), row);
  Session& session = sessions_[id];
  by_use_.erase({session.used_ms, id});
  session.used_ms = used_ms;
  by_use_.insert({used_ms, id});
}

std::uint64_t SessionTable::Open(std::uint64_t id, std::uint64_t now_ms, std::string& operations) {
  PutRow(id, now_ms, operations);
  return 1;
}

std::uint64_t SessionTable::Close(std::uint64_t id, std::string& operations) {
  const auto session = sessions_.find(id);
  if (session == sessions_.end()) {
    return 0;
  }
  const std::uint64_t results = std::min(session->second.last_sequence, kResultsMax);
  for (std::uint64_t back = 0; back < results; ++back) {
    const std::string key = ResultKey(id, session->second.last_sequence - back);
    EncodeDelete(operations, key);
    unwritten_.erase(key);
  }
  EncodeDelete(operations, SessionKey(id));
  by_use_.erase({session->second.used_ms, id});
  sessions_.erase(session);
  return results + 1;
}

std::uint64_t SessionTable::Remember(const RequestTag& tag, const Outcome& outcome,
                                     std::uint64_t now_ms, std::string& operations) {
  Session& session = sessions_.at(tag.session);
  session.last_sequence = std::max(session.last_sequence, tag.sequence);
  std::string row;
  PutVarint(row, tag.sequence);
  row.push_back(static_cast<char>(outcome.code));
  PutVarint(row, outcome.revision);
  std::string key = ResultKey(tag.session, tag.sequence);
  EncodePut(operations, key, row);
  unwritten_[std::move(key)] = {.sequence = tag.sequence, .outcome = outcome};
  if (now_ms < session.used_ms + kUseGranuleMs) {
    return 1;
  }
  PutRow(tag.session, now_ms, operations);
  return 2;
}

std::uint64_t SessionTable::Expire(std::uint64_t now_ms, std::string& operations) {
  std::uint64_t count = 0;
  for (int closed = 0; closed < kClosedAtOnce && !by_use_.empty(); ++closed) {
    const auto [used_ms, id] = *by_use_.begin();
    if (used_ms + kExpiryMs > now_ms && sessions_.size() <= kSessionsMax) {
      break;
    }
    count += Close(id, operations);
  }
  return count;
}

}  // namespace firn
