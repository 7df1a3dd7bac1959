// SPDX-License-Identifier: Apache-2.0
//
// For the tests of this folder: random entries, tables made of them in memory, and what a reader
// must see according to a plain search of the list.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "io/memory_file_system.h"
#include "storage/entry.h"
#include "storage/table/table.h"
#include "storage/table/table_writer.h"

namespace firn::table_testing {

struct OwnedEntry {
  std::string key;
  std::uint64_t sequence = 0;
  Kind kind = Kind::kPut;
  std::string value;

  Entry view() const { return {key, {sequence}, kind, value}; }
  friend bool operator==(const OwnedEntry&, const OwnedEntry&) = default;
};
using Entries = std::vector<OwnedEntry>;

struct Shape {
  std::size_t count = 500;
  std::size_t key_bytes_min = 1;
  std::size_t key_bytes_max = 20;
  std::size_t alphabet = 4;  // Small: many shared prefixes and equal heads. Zero is in it.
  std::string prefix = {};
  std::size_t value_bytes_max = 40;
  std::size_t huge_one_in = 0;  // 0: no value is larger than a block.
  std::size_t versions_max = 1;
  std::size_t tombstone_one_in = 10;
  bool sequences_all_zero = false;
};

inline std::string RandomBytes(Random& random, std::size_t length, std::size_t alphabet) {
  std::string bytes(length, '\0');
  for (char& byte : bytes) {
    const std::uint64_t drawn = random.Below(alphabet);
    byte = static_cast<char>(drawn == alphabet - 1 && alphabet > 2 ? 255 : drawn);
  }
  return bytes;
}

// Entries in order, each sequence used once unless all are zero.
inline Entries RandomEntries(Random& random, const Shape& shape) {
  std::map<std::string, std::size_t> keys;
  for (std::size_t i = 0; i < shape.count; ++i) {
    const std::size_t span = shape.key_bytes_max - shape.key_bytes_min + 1;
    const std::size_t length = shape.key_bytes_min + random.Below(span);
    keys[shape.prefix + RandomBytes(random, length, shape.alphabet)] =
        1 + random.Below(shape.versions_max);
  }
  Entries entries;
  for (const auto& [key, versions] : keys) {
    std::vector<std::uint64_t> sequences;
    for (std::size_t i = 0; i < versions; ++i) {
      sequences.push_back(shape.sequences_all_zero ? 0 : 1 + random.Below(1000));
    }
    std::sort(sequences.rbegin(), sequences.rend());
    sequences.erase(std::unique(sequences.begin(), sequences.end()), sequences.end());
    for (const std::uint64_t sequence : sequences) {
      OwnedEntry entry{.key = key, .sequence = sequence, .kind = Kind::kPut, .value = {}};
      if (shape.tombstone_one_in != 0 && random.OneIn(shape.tombstone_one_in)) {
        entry.kind = Kind::kDelete;
      } else {
        const bool huge = shape.huge_one_in != 0 && random.OneIn(shape.huge_one_in);
        entry.value = RandomBytes(
            random, huge ? 2000 + random.Below(20'000) : random.Below(shape.value_bytes_max + 1),
            random.OneIn(2) ? 256 : 3);
      }
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

// The newest version at or below `as_of`, as a Find must answer.
inline std::optional<OwnedEntry> Expected(const Entries& entries, std::string_view key,
                                          std::uint64_t as_of) {
  auto at = std::partition_point(entries.begin(), entries.end(), [&](const OwnedEntry& entry) {
    return entry.key < key || (entry.key == key && entry.sequence > as_of);
  });
  return at != entries.end() && at->key == key ? std::optional(*at) : std::nullopt;
}

// What a reader at `as_of` sees in all, in key order.
inline Entries Visible(const Entries& entries, std::uint64_t as_of) {
  Entries visible;
  for (const OwnedEntry& entry : entries) {
    if (entry.sequence <= as_of && (visible.empty() || visible.back().key != entry.key)) {
      visible.push_back(entry);
    }
  }
  return visible;
}

struct Making {
  std::string path = "/t.sst";
  std::uint64_t table_id = 0x1122334455667788;
  std::size_t block_bytes = 1024;
  unsigned bloom_bits_per_key = 10;
  Compression compression = Compression::kNone;
};

inline TableProperties WriteTable(FileSystem& files, const Entries& entries,
                                  const Making& making = {}) {
  auto writer = TableWriter::Create({.files = files,
                                     .path = making.path,
                                     .table_id = making.table_id,
                                     .creation = 7,
                                     .block_bytes = making.block_bytes,
                                     .bloom_bits_per_key = making.bloom_bits_per_key,
                                     .compression = making.compression})
                    .value();
  for (const OwnedEntry& entry : entries) {
    writer->Add(entry.view()).value();
  }
  return writer->Finish().value();
}

class Owner : public ReadOwner {};

// One point read in a scope of its own.
class Reading {
 public:
  Reading() { scope_.SetOwner(owner_.get()); }
  Result<std::optional<OwnedEntry>> Find(const Table& table, std::string_view key,
                                         std::uint64_t as_of = kSequenceMax.value) {
    auto found = table.Find(Lookup(key, {as_of}), scope_, trace_);
    if (!found) {
      return std::move(found).error();
    }
    if (!found->has_value()) {
      return std::optional<OwnedEntry>();
    }
    const KeyState& state = **found;
    return std::optional(
        OwnedEntry{std::string(key), state.sequence.value, state.kind, std::string(state.value)});
  }
  ReadScope& scope() { return scope_; }
  const TableReadTrace& trace() const { return trace_; }

 private:
  std::shared_ptr<Owner> owner_ = std::make_shared<Owner>();
  ReadScope scope_;
  TableReadTrace trace_;
};

inline std::string ReadFile(FileSystem& files, const std::string& path) {
  return ReadWholeFile(files, path).value();
}

}  // namespace firn::table_testing
