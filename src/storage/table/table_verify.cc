// SPDX-License-Identifier: Apache-2.0
//
// Table::Verify: what checksums cannot know, that the parts of an intact file agree with each
// other.
#include <algorithm>
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/propagate.h"
#include "storage/table/table.h"
#include "storage/table/table_scan.h"

namespace firn {
namespace {

// Adds up properties entry by entry and notes what contradicts the order or the block's flags.
class Audit {
 public:
  // Returns what is wrong with the entry, or nothing.
  std::string_view Check(const Entry& entry, const Block& block);
  const TableProperties& seen() const { return seen_; }
  void Finish() { seen_.largest_key = last_key_; }

 private:
  TableProperties seen_;
  std::string last_key_;
  SequenceNumber last_sequence_;
};

std::string_view Audit::Check(const Entry& entry, const Block& block) {
  if (seen_.entry_count == 0) {
    seen_.smallest_key = entry.key;
    seen_.smallest_sequence = entry.sequence;
  } else {
    const int order = std::string_view(last_key_).compare(entry.key);
    if (order > 0 || (order == 0 && last_sequence_ <= entry.sequence)) {
      return "entries out of order";
    }
    if (order == 0 && !block.multi_version()) {
      return "several versions of a key in a block that claims one";
    }
  }
  if (entry.kind == Kind::kDelete && (!block.has_tombstone() || !entry.value.empty())) {
    return "a tombstone that has a value or is not announced";
  }
  ++seen_.entry_count;
  seen_.tombstone_count += entry.kind == Kind::kDelete ? 1 : 0;
  seen_.key_bytes += entry.key.size();
  seen_.value_bytes += entry.value.size();
  seen_.smallest_sequence = std::min(seen_.smallest_sequence, entry.sequence);
  seen_.largest_sequence = std::max(seen_.largest_sequence, entry.sequence);
  last_key_.assign(entry.key);
  last_sequence_ = entry.sequence;
  return {};
}

}  // namespace

Result<std::uint64_t> Table::Verify() const {
  Audit audit;
  Scan scan(*this, Scan::Cached::kIgnore);
  for (; scan.valid(); scan.Next()) {
    const Entry& entry = scan.entry();
    std::string_view wrong = audit.Check(entry, scan.block());
    if (wrong.empty() && index_.Find(entry.key, entry.sequence) != scan.block_number()) {
      wrong = "an entry that the index leads elsewhere for";
    }
    if (wrong.empty() && !filter_.MayContain(Hash64(entry.key))) {
      wrong = "a key that the filter denies";
    }
    if (!wrong.empty()) {
      return reader_.At(index_.extent(scan.block_number()).offset,
                        {ErrorCode::kCorruption, "block with " + std::string(wrong)});
    }
  }
  FIRN_TRY(scan.status());
  audit.Finish();
  TableProperties expected = properties();
  expected.block_count = expected.filter_bits = expected.file_bytes = 0;
  if (audit.seen() != expected) {
    return reader_.At(
        properties().file_bytes,
        {ErrorCode::kCorruption, "properties of " + std::to_string(expected.entry_count) +
                                     " entries do not match the " +
                                     std::to_string(audit.seen().entry_count) + " that are there"});
  }
  return scan.bytes_read();
}

}  // namespace firn
