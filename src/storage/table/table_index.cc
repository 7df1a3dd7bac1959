// SPDX-License-Identifier: Apache-2.0
#include "storage/table/table_index.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "base/key_head.h"
#include "base/propagate.h"

namespace firn {

using table_format::BlockExtent;

Result<TableIndex> TableIndex::Parse(std::string_view bytes, std::uint64_t data_end) {
  const std::size_t size = bytes.size();
  TableIndex index;
  index.bytes_.reserve(size + block_format::kSlackBytes);
  index.bytes_.assign(bytes.begin(), bytes.end());
  index.bytes_.resize(size + block_format::kSlackBytes);
  FIRN_TRY_ASSIGN(index.separators_, Block::Parse({index.bytes_.data(), size}));
  index.samples_ = index.separators_.SampleHeads();
  std::uint64_t expected = 0;
  for (std::uint32_t i = 0; i < index.block_count(); ++i) {
    const std::size_t value_bytes = index.separators_.value(i).size();
    if (value_bytes != table_format::kIndexValueBytes) {
      return Error{ErrorCode::kCorruption,
                   "index with an entry of " + std::to_string(value_bytes) + " bytes want 16"};
    }
    const BlockExtent extent = index.extent(i);
    if (extent.offset != expected || extent.stored_bytes <= table_format::kTrailerBytes ||
        extent.raw_bytes > block_format::kBlockBytesMax ||
        extent.raw_bytes + table_format::kTrailerBytes < extent.stored_bytes) {
      return Error{ErrorCode::kCorruption, "index with block " + std::to_string(i) + " @" +
                                               std::to_string(extent.offset) + " of " +
                                               std::to_string(extent.stored_bytes) +
                                               " bytes want @" + std::to_string(expected)};
    }
    expected = extent.end();
  }
  if (expected != data_end) {
    return Error{ErrorCode::kCorruption, "index whose blocks end @" + std::to_string(expected) +
                                             " want @" + std::to_string(data_end)};
  }
  return index;
}

void TableIndexBuilder::Add(const BlockExtent& block, const Entry& last,
                            std::string_view next_key) {
  if (last.key == next_key) {
    AddSeparator(block, last.key, last.sequence);
    return;
  }
  ShortestSeparator(last.key, next_key, separator_);
  AddSeparator(block, separator_, SequenceNumber{});
}

void TableIndexBuilder::AddLast(const BlockExtent& block, std::string_view last_key) {
  AddSeparator(block, last_key, SequenceNumber{});
}

void TableIndexBuilder::AddSeparator(const BlockExtent& block, std::string_view separator,
                                     SequenceNumber sequence) {
  char value[table_format::kIndexValueBytes];
  StoreLittle(value, block.offset);
  StoreLittle(value + 8, block.stored_bytes);
  StoreLittle(value + 12, block.raw_bytes);
  builder_.Add(
      {.key = separator, .sequence = sequence, .kind = Kind::kPut, .value = {value, sizeof value}});
}

void ShortestSeparator(std::string_view last, std::string_view next, std::string& out) {
  FIRN_CHECK(last < next);
  const std::size_t common = CommonPrefix(last, next);
  if (common == last.size()) {
    out.assign(last);
    return;
  }
  // One byte of `next` more than both share is above `last`, and below `next` if that goes on.
  if (next.size() > common + 1) {
    out.assign(next.substr(0, common + 1));
    return;
  }
  // Else the first byte of `last` that can be raised without reaching `next` ends the separator.
  out.assign(last);
  for (std::size_t i = common; i < last.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(last[i]);
    const unsigned limit = i == common ? static_cast<std::uint8_t>(next[i]) : 256u;
    if (byte + 1u < limit) {
      out[i] = static_cast<char>(byte + 1);
      out.resize(i + 1);
      return;
    }
  }
}

}  // namespace firn
