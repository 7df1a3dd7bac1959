// SPDX-License-Identifier: Apache-2.0
#include "storage/version/version_edit.h"

#include <utility>

#include "base/coding.h"
#include "base/propagate.h"

namespace firn {
namespace {

// docs/format/manifest.md, "fields". Numbers are for ever.
enum class Field : std::uint8_t {
  kRemoved = 1,
  kAdded = 2,
  kNextTable = 3,
  kMinWal = 4,
  kLastSequence = 5,
  kAppliedIndex = 6,
  kReplicaState = 7,
};

void PutField(std::string& out, Field field) { out.push_back(static_cast<char>(field)); }

void PutNumber(std::string& out, Field field, std::uint64_t value) {
  PutField(out, field);
  PutVarint(out, value);
}

void PutTableName(std::string& out, const TableName& name) {
  PutVarint(out, static_cast<std::uint64_t>(name.birth_level));
  PutVarint(out, name.number.value);
}

void PutProperties(std::string& out, const TableProperties& table) {
  for (std::uint64_t number :
       {table.entry_count, table.tombstone_count, table.key_bytes, table.value_bytes,
        table.block_count, table.filter_bits, table.file_bytes, table.smallest_sequence.value,
        table.largest_sequence.value}) {
    PutVarint(out, number);
  }
  PutString(out, table.smallest_key);
  PutString(out, table.largest_key);
}

Error Malformed(std::string_view what) {
  return {ErrorCode::kCorruption, "edit: " + std::string(what)};
}

Result<int> TakeLevel(Decoder& in) {
  const std::uint64_t level = in.Varint();
  if (!in.ok() || level >= kLevelCount) {
    return Malformed("level " + std::to_string(level) + " does not exist");
  }
  return static_cast<int>(level);
}

Result<TableName> TakeTableName(Decoder& in) {
  FIRN_TRY_ASSIGN(const int birth_level, TakeLevel(in));
  return TableName{.birth_level = birth_level, .number = {in.Varint()}};
}

Result<TableProperties> TakeProperties(Decoder& in) {
  TableProperties table;
  for (std::uint64_t* number :
       {&table.entry_count, &table.tombstone_count, &table.key_bytes, &table.value_bytes,
        &table.block_count, &table.filter_bits, &table.file_bytes, &table.smallest_sequence.value,
        &table.largest_sequence.value}) {
    *number = in.Varint();
  }
  table.smallest_key = in.String();
  table.largest_key = in.String();
  if (!in.ok()) {
    return Malformed("table properties end early");
  }
  if (table.largest_key < table.smallest_key) {
    return Malformed("table bounds are in the wrong order");
  }
  return table;
}

Result<void> TakeField(Decoder& in, VersionEdit& edit) {
  const auto field = in.Little<std::uint8_t>();
  switch (static_cast<Field>(field)) {
    case Field::kRemoved: {
      FIRN_TRY_ASSIGN(const int level, TakeLevel(in));
      FIRN_TRY_ASSIGN(const TableName name, TakeTableName(in));
      edit.removed.push_back({.level = level, .table = name});
      return {};
    }
    case Field::kAdded: {
      FIRN_TRY_ASSIGN(const int level, TakeLevel(in));
      FIRN_TRY_ASSIGN(const TableName name, TakeTableName(in));
      FIRN_TRY_ASSIGN(TableProperties properties, TakeProperties(in));
      edit.added.push_back(
          {.level = level, .table = {.name = name, .properties = std::move(properties)}});
      return {};
    }
    case Field::kNextTable: edit.next_table = TableNumber{in.Varint()}; return {};
    case Field::kMinWal: edit.min_wal = WalNumber{in.Varint()}; return {};
    case Field::kLastSequence: edit.last_sequence = SequenceNumber{in.Varint()}; return {};
    case Field::kAppliedIndex: edit.applied_index = in.Varint(); return {};
    case Field::kReplicaState: edit.replica_state = std::string(in.String()); return {};
  }
  return Error{ErrorCode::kUnsupported,
               "edit: field " + std::to_string(field) + " is unknown to this version"};
}

}  // namespace

std::string Encode(const VersionEdit& edit) {
  std::string out;
  for (const VersionEdit::Removed& removed : edit.removed) {
    PutNumber(out, Field::kRemoved, static_cast<std::uint64_t>(removed.level));
    PutTableName(out, removed.table);
  }
  for (const VersionEdit::Added& added : edit.added) {
    PutNumber(out, Field::kAdded, static_cast<std::uint64_t>(added.level));
    PutTableName(out, added.table.name);
    PutProperties(out, added.table.properties);
  }
  if (edit.next_table) {
    PutNumber(out, Field::kNextTable, edit.next_table->value);
  }
  if (edit.min_wal) {
    PutNumber(out, Field::kMinWal, edit.min_wal->value);
  }
  if (edit.last_sequence) {
    PutNumber(out, Field::kLastSequence, edit.last_sequence->value);
  }
  if (edit.applied_index) {
    PutNumber(out, Field::kAppliedIndex, *edit.applied_index);
  }
  if (edit.replica_state) {
    PutField(out, Field::kReplicaState);
    PutString(out, *edit.replica_state);
  }
  return out;
}

Result<VersionEdit> DecodeVersionEdit(std::string_view bytes) {
  VersionEdit edit;
  Decoder in(bytes);
  while (!in.done()) {
    FIRN_TRY(TakeField(in, edit));
    if (!in.ok()) {
      return Malformed("ends inside a field");
    }
  }
  return edit;
}

}  // namespace firn
