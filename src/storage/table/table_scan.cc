// SPDX-License-Identifier: Apache-2.0
#include "storage/table/table_scan.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"

namespace firn {

using table_format::BlockExtent;

Table::Scan::Scan(std::shared_ptr<const Table> table, Cached cached, std::uint64_t read_bytes)
    : Scan(*table, cached, read_bytes) {
  owner_ = std::move(table);
}

Table::Scan::Scan(const Table& table, Cached cached, std::uint64_t read_bytes)
    : table_(&table), cached_(cached), read_bytes_(read_bytes) {
  EnterBlock(0);
}

void Table::Scan::Seek(std::string_view key) {
  EnterBlock(table_->index_.Find(key, kSequenceMax));
  if (!valid_) {
    return;
  }
  position_ = block_.LowerBound(key, kSequenceMax);
  if (position_ < block_.count()) {
    Take();
  } else {
    EnterBlock(number_ + 1);
  }
}

void Table::Scan::EnterBlock(std::uint32_t number) {
  valid_ = false;
  status_ = {};
  if (number >= table_->index_.block_count()) {
    return;
  }
  if (auto loaded = Load(number); !loaded) {
    status_ = std::move(loaded);
    return;
  }
  valid_ = true;
  number_ = number;
  position_ = 0;
  const std::string_view prefix = block_.prefix();
  key_.resize(std::max(key_.size(), prefix.size() + kHeadBytes));
  prefix.copy(key_.data(), prefix.size());
  Take();
}

Result<void> Table::Scan::Load(std::uint32_t number) {
  holder_ = cached_ == Cached::kUse ? BlockCache::Pin(table_->slots_[number]) : BlockReference();
  if (holder_) {
    block_ = holder_->block();
    return {};
  }
  const BlockReader& reader = table_->reader_;
  const BlockExtent extent = table_->index_.extent(number);
  FIRN_TRY_ASSIGN(const std::string_view stored, Stored(number));
  FIRN_TRY_ASSIGN(const std::string_view raw, reader.Expand(extent, stored, scratch_));
  auto parsed = Block::Parse(raw);
  if (!parsed) {
    return reader.At(extent.offset, parsed.error());
  }
  if (parsed->count() == 0) {
    return reader.At(extent.offset, {ErrorCode::kCorruption, "block without entries"});
  }
  block_ = *parsed;
  return {};
}

Result<std::string_view> Table::Scan::Stored(std::uint32_t number) {
  const TableIndex& index = table_->index_;
  const BlockExtent extent = index.extent(number);
  if (!window_.Holds(extent)) {
    std::uint64_t end = extent.end();
    while (++number < index.block_count() &&
           index.extent(number).end() - extent.offset <= read_bytes_) {
      end = index.extent(number).end();
    }
    FIRN_TRY(window_.Fill(table_->reader_, extent.offset, end));
    table_->reader_.WillRead(end, read_bytes_);
    bytes_read_ += end - extent.offset;
  }
  return window_.Stored(extent);
}

}  // namespace firn
