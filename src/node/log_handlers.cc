// SPDX-License-Identifier: Apache-2.0
//
// The plain log, and the exercise of recovering from a log that is given in the message.
#include <map>

#include "base/propagate.h"
#include "node/handlers.h"

namespace firn::node {
namespace {

Result<void> Append(PlainLog& log, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::string_view payload, request.Text("payload"));
  FIRN_TRY_ASSIGN(const PlainLog::Appended appended, log.Append(payload));
  reply.Integer("offset", appended.offset);
  reply.Integer("length", payload.size());
  reply.Integer("checksum", appended.checksum);
  return {};
}

Result<void> Read(PlainLog& log, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::uint64_t offset, request.Integer("offset", {}));
  FIRN_TRY_ASSIGN(const PlainLog::Entry entry, log.Read(offset));
  reply.Text("payload", entry.payload);
  reply.Boolean("checksum_valid", entry.checksum_is_valid);
  return {};
}

Result<void> Describe(PlainLog& log, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const PlainLog::Info info, log.GetInfo());
  reply.Integer("entries", info.entries);
  reply.Integer("total_bytes", info.bytes);
  reply.Boolean("fsynced", info.is_synced);
  return {};
}

struct LoggedEntry {
  std::string_view payload;
  bool checksum_is_valid = false;
};

Result<LoggedEntry> TakeLoggedEntry(const Request& fields) {
  LoggedEntry entry;
  FIRN_TRY(fields.OptionalInteger("offset", {}));
  FIRN_TRY_ASSIGN(entry.payload, fields.Text("payload"));
  FIRN_TRY_ASSIGN(const std::string_view checksum, fields.Text("checksum"));
  if (checksum != "valid" && checksum != "invalid") {
    return Error{ErrorCode::kInvalidArgument, R"(field checksum is neither "valid" nor "invalid")"};
  }
  entry.checksum_is_valid = checksum == "valid";
  return entry;
}

// "set k=v" sets k; any other payload changes nothing.
void Replay(std::string_view payload, std::map<std::string, std::string, std::less<>>& state) {
  constexpr std::string_view kSet = "set ";
  const std::size_t equals = payload.find('=');
  if (payload.starts_with(kSet) && equals != std::string_view::npos) {
    state.insert_or_assign(std::string(payload.substr(kSet.size(), equals - kSet.size())),
                           payload.substr(equals + 1));
  }
}

Result<void> Recover(const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::vector<JsonValue>* entries, request.Objects("wal_entries"));
  std::map<std::string, std::string, std::less<>> state;
  std::size_t replayed = 0;
  bool reached_damage = false;
  for (const JsonValue& fields : *entries) {
    FIRN_TRY_ASSIGN(const LoggedEntry entry, TakeLoggedEntry(Request(fields)));
    // Nothing behind damage counts: it may follow something that is missing.
    reached_damage = reached_damage || !entry.checksum_is_valid;
    if (!reached_damage) {
      Replay(entry.payload, state);
      ++replayed;
    }
  }
  reply.Integer("entries_replayed", replayed);
  reply.Integer("entries_skipped", entries->size() - replayed);
  reply.BeginObject("state");
  for (const auto& [key, value] : state) {
    reply.Text(key, value);
  }
  reply.EndObject();
  return {};
}

}  // namespace

void AddLogHandlers(Node& node, PlainLog& log) {
  node.On("wal_append", [&log](const Request& request, JsonWriter& reply) {
    return Append(log, request, reply);
  });
  node.On("wal_read",
          [&log](const Request& request, JsonWriter& reply) { return Read(log, request, reply); });
  node.On("wal_info", [&log](const Request&, JsonWriter& reply) { return Describe(log, reply); });
  node.On("wal_recover",
          [](const Request& request, JsonWriter& reply) { return Recover(request, reply); });
}

}  // namespace firn::node
