// SPDX-License-Identifier: Apache-2.0
//
// A change to the set of live tables and to the numbers that recovery needs: one record of the
// manifest (docs/format/manifest.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"
#include "firn/result.h"
#include "storage/version/table_meta.h"

namespace firn {

// How much of the log that stands in for the WAL the tables hold.
struct AppliedPoint {
  std::uint64_t index = 0;
  std::string state;  // Of the replica at that index; opaque to the engine.

  friend bool operator==(const AppliedPoint&, const AppliedPoint&) = default;
};

struct VersionEdit {
  struct Added {
    int level = 0;
    TableMeta table;
  };
  struct Removed {
    int level = 0;
    TableName table;
  };

  std::vector<Removed> removed;
  std::vector<Added> added;  // After the removals: a table moved down is in both lists.

  // Absent fields keep their value.
  std::optional<TableNumber> next_table;  // Every number below has been given out.
  std::optional<WalNumber> min_wal;       // Log segments below hold nothing that is not in tables.
  std::optional<SequenceNumber> last_sequence;  // Of all writes in tables.
  std::optional<std::uint64_t> applied_index;   // Of the log that stands in for the WAL.
  std::optional<std::string> replica_state;     // Opaque to the engine; stored with applied_index.
};

std::string Encode(const VersionEdit& edit);
// kCorruption without a place (the caller knows it), or kUnsupported for an unknown field.
Result<VersionEdit> DecodeVersionEdit(std::string_view bytes);

}  // namespace firn
