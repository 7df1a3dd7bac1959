// SPDX-License-Identifier: Apache-2.0
//
// Writes, point reads and range reads. A write is answered once it survives the end of the process.
#include "base/propagate.h"
#include "node/handlers.h"

namespace firn::node {
namespace {

Result<void> Write(Engine& engine, CommitRequest& write, JsonWriter& reply) {
  FIRN_TRY(engine.Write(write, {}));
  reply.Integer("size_bytes", engine.CurrentViewReference()->active->data_bytes());
  return {};
}

Result<void> Put(Engine& engine, const Request& request, JsonWriter& reply) {
  CommitRequest write;
  FIRN_TRY_ASSIGN(write.key, request.Key());
  FIRN_TRY_ASSIGN(write.value, request.Text("value"));
  return Write(engine, write, reply);
}

Result<void> Delete(Engine& engine, const Request& request, JsonWriter& reply) {
  CommitRequest write;
  write.kind = Kind::kDelete;
  FIRN_TRY_ASSIGN(write.key, request.Key());
  return Write(engine, write, reply);
}

Result<void> Get(Engine& engine, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::string_view key, request.Key());
  FIRN_TRY_ASSIGN(const TracedRead read, engine.Get(key, {}));
  TextOrNull(reply, "value", read.value);
  // A key that is nowhere is answered by the memtable: it was asked first.
  const std::string place = PlaceOf(read.trace);
  reply.Text("source", place.empty() ? "memtable" : place);
  return {};
}

Result<ScanOptions> BoundsOf(const Request& request) {
  ScanOptions bounds;
  FIRN_TRY_ASSIGN(const auto start, request.OptionalText("start"));
  FIRN_TRY_ASSIGN(const auto end, request.OptionalText("end"));
  FIRN_TRY_ASSIGN(const bool inclusive, request.OptionalBoolean("inclusive"));
  bounds.lower = start.value_or("");
  if (end) {
    bounds.upper = std::string(*end);
    if (inclusive) {
      bounds.upper->push_back('\0');  // The first key after `end`.
    }
  }
  return bounds;
}

// A reply is built in memory as a whole; a range that needs more has to be asked for in parts.
Result<void> CheckReplySize(std::size_t bytes, std::size_t bytes_max) {
  if (bytes <= bytes_max) {
    return {};
  }
  return Error{ErrorCode::kInvalidArgument, "the range needs a reply of more than " +
                                                std::to_string(bytes_max) +
                                                " bytes: ask for parts of it with limit"};
}

struct Scanner {
  Engine& engine;
  std::size_t reply_bytes_max;

  Result<void> Scan(const Request& request, JsonWriter& reply) const;
};

Result<void> Scanner::Scan(const Request& request, JsonWriter& reply) const {
  FIRN_TRY_ASSIGN(const ScanOptions bounds, BoundsOf(request));
  FIRN_TRY_ASSIGN(const auto limit, request.OptionalInteger("limit", {}));
  const std::size_t start = reply.bytes();
  reply.BeginArray("entries");
  Iterator entry = engine.NewIterator(bounds);
  std::uint64_t left = limit.value_or(UINT64_MAX);
  if (left > 0) {
    entry.SeekToFirst();
  }
  while (left > 0 && entry.valid()) {
    reply.BeginObject();
    reply.Text("key", entry.key());
    reply.Text("value", entry.value());
    reply.EndObject();
    FIRN_TRY(CheckReplySize(reply.bytes() - start, reply_bytes_max));
    if (--left > 0) {
      entry.Next();
    }
  }
  FIRN_TRY(entry.status());
  reply.EndArray();
  return {};
}

}  // namespace

void AddMemtableHandlers(Node& node, Engine& engine, std::size_t scan_reply_bytes_max) {
  node.On("memtable_put", [&engine](const Request& request, JsonWriter& reply) {
    return Put(engine, request, reply);
  });
  node.On("memtable_delete", [&engine](const Request& request, JsonWriter& reply) {
    return Delete(engine, request, reply);
  });
  node.On("memtable_get", [&engine](const Request& request, JsonWriter& reply) {
    return Get(engine, request, reply);
  });
  const Scanner scanner{.engine = engine, .reply_bytes_max = scan_reply_bytes_max};
  node.On("memtable_scan", [scanner](const Request& request, JsonWriter& reply) {
    return scanner.Scan(request, reply);
  });
}

}  // namespace firn::node
