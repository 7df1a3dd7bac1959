// SPDX-License-Identifier: Apache-2.0
//
// Flushing on request, and reading one table by its name.
#include "base/propagate.h"
#include "node/handlers.h"
#include "storage/version/table_file.h"

namespace firn::node {
namespace {

Result<void> Flush(Engine& engine, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const auto memtable_bytes,
                  request.OptionalInteger("memtable_size_bytes", {.min = 1}));
  FIRN_TRY_ASSIGN(const FlushResult flushed, engine.Flush());
  if (memtable_bytes) {
    engine.SetMemtableBytes(*memtable_bytes);
  }
  reply.Text("sstable_file", flushed.table.name);
  reply.Integer("entries", flushed.table.entries);
  reply.Integer("bloom_filter_bits", flushed.filter_bits);
  reply.Integer("size_bytes", flushed.table.size_bytes);
  return {};
}

// The live table of this name. The name is only ever compared.
const TableFile* FindTable(const Version& version, std::string_view name) {
  auto find_in = [name](const TableList& tables) -> const TableFile* {
    for (const auto& table : tables) {
      if (Describe(table->meta().name) == name) {
        return table.get();
      }
    }
    return nullptr;
  };
  for (int level = 0; level < kLevelCount; ++level) {
    if (const TableFile* table = find_in(version.tables(level))) {
      return table;
    }
  }
  return find_in(version.empty_tables());
}

Result<void> LookUp(Engine& engine, const Request& request, JsonWriter& reply) {
  FIRN_TRY_ASSIGN(const std::string_view name, request.Text("sstable"));
  FIRN_TRY_ASSIGN(const std::string_view key, request.Key());
  const std::shared_ptr<const View> view = engine.CurrentViewReference();
  const TableFile* file = FindTable(*view->version, name);
  if (file == nullptr) {
    return Error{ErrorCode::kNotFound, "no live table of that name"};
  }
  // Opening loads filter and index for all lookups to come: before the scope, since it blocks, and
  // no part of what this lookup costs.
  FIRN_TRY_ASSIGN(const std::shared_ptr<const Table> table, file->Open());
  // After the view: no table in it holds anything newer.
  const SequenceNumber latest{engine.parts().visible_sequence.load(std::memory_order_acquire)};
  ReadScope scope;
  scope.SetOwner(view.get());
  TableReadTrace trace;
  FIRN_TRY_ASSIGN(const Found found, table->Find(Lookup(key, latest), scope, trace));
  const bool is_there = found && found->kind == Kind::kPut;
  reply.Boolean("found", is_there);
  TextOrNull(reply, "value", is_there ? std::optional<std::string>(found->value) : std::nullopt);
  reply.Boolean("bloom_checked", trace.filter_checked);
  reply.Integer("disk_reads", trace.file_reads);
  return {};
}

}  // namespace

void AddTableHandlers(Node& node, Engine& engine) {
  node.On("sstable_flush", [&engine](const Request& request, JsonWriter& reply) {
    return Flush(engine, request, reply);
  });
  node.On("sstable_lookup", [&engine](const Request& request, JsonWriter& reply) {
    return LookUp(engine, request, reply);
  });
}

}  // namespace firn::node
