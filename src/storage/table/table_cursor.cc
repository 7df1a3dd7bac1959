// SPDX-License-Identifier: Apache-2.0
//
// The slow half of the cursor: crossing blocks, and blocks in which keys have several versions or
// versions that the reader must not see. There a key is left by searching for its end, and a key's
// visible version is found by a search for (key, as_of), so that many versions cost no more than
// few.
#include "storage/table/table_cursor.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"

namespace firn {

using table_format::BlockExtent;

namespace {

// Of a block of large values the processor asks for the rest while they are read; more would leave
// the near caches before it is wanted.
constexpr std::size_t kBytesExpectedMax = std::size_t{16} << 10;
// Who has sought most often goes no further, so first about as much as this is read.
constexpr std::size_t kBytesBeforeExpecting = 1536;
constexpr std::uint32_t kMissesBeforeReadahead = 2;
constexpr std::uint64_t kReadaheadBytesMin = std::uint64_t{16} << 10;
constexpr std::uint64_t kReadaheadBytesMax = std::uint64_t{256} << 10;
// A scan over many tables reads ahead in each of them, and several scans do so at once.
constexpr std::uint64_t kReadaheadShareOfCache = 512;

}  // namespace

void Table::Cursor::Leave() {
  block_ = nullptr;
  simple_ = false;
  position_ = 0;
  key_position_ = kNowhere;
  holder_ = {};
}

// Makes block `number` the current one; the caller sets the position. False if that failed or there
// is no such block; then the cursor is nowhere.
bool Table::Cursor::EnterBlock(std::uint32_t number, Move move) {
  status_ = {};
  if (number >= table_->index_.block_count()) {
    Leave();
    return false;
  }
  if (block_ == nullptr || number_ != number) {
    auto fetched = Fetch(number, move);
    if (!fetched) {
      Leave();
      status_ = std::move(fetched).error();
      return false;
    }
    holder_ = *std::move(fetched);
    block_ = &holder_->block();
    number_ = number;
    beyond_.Stop();
    values_before_expecting_ = 0;
    if (move != Move::kSeek) {
      Expect(move, block_->count());
    }
    simple_ = !block_->multi_version() && block_->largest_sequence() <= as_of_;
    const std::string_view prefix = block_->prefix();
    key_.Reserve(prefix.size() + kHeadBytes, 0);
    prefix.copy(key_.data(), prefix.size());
  }
  position_ = 0;
  key_position_ = kNowhere;
  return true;
}

bool Table::Cursor::EnterNextBlock() { return EnterBlock(number_ + 1, Move::kForward); }

bool Table::Cursor::EnterPreviousBlock() {
  if (!EnterBlock(number_ - 1, Move::kBackward)) {  // Wraps before the first, which is no block.
    return false;
  }
  position_ = block_->count() - 1;
  return true;
}

void Table::Cursor::MakeKey() const {
  const std::size_t bytes = block_->KeyBytes(position_);
  const std::size_t prefix_bytes = block_->prefix().size();
  key_.Reserve(bytes + kHeadBytes, prefix_bytes);
  block_->StoreSuffix(position_, key_.data() + prefix_bytes);
  key_bytes_ = bytes;
  key_position_ = position_;
}

// From an entry that is no later version of a key left behind: on to one that the reader sees.
void Table::Cursor::SettleForward() {
  while (block_ != nullptr) {
    if (position_ >= block_->count()) {
      EnterNextBlock();
    } else if (simple_ || block_->sequence(position_) <= as_of_) {
      return;
    } else {
      ++position_;
    }
  }
}

// From the oldest version of a key: to the version of it that the reader sees, or on backwards.
void Table::Cursor::SettleBackward() {
  while (block_ != nullptr && !simple_) {
    passed_key_.assign(key());
    if (block_->sequence(position_) > as_of_) {
      StepBefore(passed_key_);
      continue;
    }
    position_ = block_->LowerBound(passed_key_, as_of_);
    if (position_ == 0) {
      EnterBlockOfVersion();
    }
    return;
  }
}

// The version of passed_key_ that the reader sees may lie in a block before this one.
void Table::Cursor::EnterBlockOfVersion() {
  const std::uint32_t number = table_->index_.Find(passed_key_, as_of_);
  if (number >= number_ || !EnterBlock(number, Move::kBackward)) {
    return;
  }
  position_ = block_->LowerBound(passed_key_, as_of_);
  if (position_ == block_->count()) {
    const std::uint64_t offset = table_->index_.extent(number).offset;
    Leave();
    status_ = table_->reader_.At(
        offset, {ErrorCode::kCorruption, "block without the key that the index promises"});
  }
}

// To the last entry whose key is below `key`, which the current entry has.
void Table::Cursor::StepBefore(std::string_view key) {
  do {
    const std::uint32_t first = block_->LowerBound(key, kSequenceMax);
    if (first > 0) {
      position_ = first - 1;
      return;
    }
  } while (EnterPreviousBlock() && block_->CompareKey(position_, key) == 0);
}

void Table::Cursor::SeekToFirst() {
  if (EnterBlock(0, Move::kSeek)) {
    SettleForward();
  }
}

void Table::Cursor::SeekToLast() {
  if (EnterBlock(table_->index_.block_count() - 1, Move::kSeek)) {
    position_ = block_->count() - 1;
    SettleBackward();
  }
}

void Table::Cursor::Aim(std::string_view key) {
  aim_ = table_->index_.Find(key, as_of_, table_->Approach(key));
}

void Table::Cursor::PrefetchAim() const {
  if (aim_ < table_->index_.block_count()) {
    CachedBlock::Prefetch(table_->slots_[aim_].load(std::memory_order_relaxed));
  }
}

void Table::Cursor::Seek(std::string_view key) {
  if (aim_ == kNowhere) {
    Aim(key);
    PrefetchAim();
  }
  if (EnterBlock(std::exchange(aim_, kNowhere), Move::kSeek)) {
    values_before_expecting_ =
        1 + kBytesBeforeExpecting * block_->count() / holder_->memory_bytes();
    position_ = block_->LowerBound(key, as_of_);
    SettleForward();
  }
}

void Table::Cursor::SeekForPrev(std::string_view key) {
  const std::uint32_t count = table_->index_.block_count();
  const std::uint32_t number = table_->index_.Find(key, SequenceNumber{}, table_->Approach(key));
  if (!EnterBlock(number == count ? number - 1 : number, Move::kSeek)) {
    return;
  }
  const std::uint32_t above = block_->UpperBound(key);
  if (above > 0) {
    position_ = above - 1;
  } else {
    EnterPreviousBlock();
  }
  SettleBackward();
}

void Table::Cursor::NextSlowly() {
  if (!block_->multi_version()) {
    ++position_;
    SettleForward();
    return;
  }
  passed_key_.assign(key());
  position_ = block_->UpperBound(passed_key_);
  while (position_ == block_->count() && EnterNextBlock()) {
    position_ = block_->UpperBound(passed_key_);
  }
  SettleForward();
}

void Table::Cursor::PrevSlowly() {
  if (block_->multi_version()) {
    passed_key_.assign(key());
    StepBefore(passed_key_);
  } else if (position_ > 0) {
    --position_;
  } else {
    EnterPreviousBlock();
  }
  SettleBackward();
}

// Null when it is not, or there is no such block.
const CachedBlock* Table::Cursor::Cached(std::uint32_t number) const {
  return number < table_->index_.block_count()
             ? table_->slots_[number].load(std::memory_order_relaxed)
             : nullptr;
}

// The memory of the cached block that comes next, which is about as large as this one, is asked for
// while so many values of this one are read. Where it lies beside this one as well: the processor
// reads ahead within a page at most.
void Table::Cursor::Expect(Move move, std::size_t values) const {
  const bool forward = move == Move::kForward;
  const CachedBlock* next = Cached(forward ? number_ + 1 : number_ - 1);
  if (next == nullptr) {
    return;
  }
  CachedBlock::Prefetch(next);
  beyond_.Start(next, std::min(holder_->memory_bytes(), kBytesExpectedMax), values,
                forward ? PiecewisePrefetch::From::kFront : PiecewisePrefetch::From::kBack);
}

Result<BlockReference> Table::Cursor::Fetch(std::uint32_t number, Move move) {
  BlockSlot& slot = table_->slots_[number];
  TableCounters& counters = table_->cache_->counters();
  if (auto cached = BlockCache::Pin(slot)) {
    counters.Add(TableCounter::kCacheHits);
    if (move == Move::kSeek) {
      cached->MarkUsed();
    }
    return cached;
  }
  counters.Add(TableCounter::kCacheMisses);
  if (move == Move::kSeek) {
    misses_in_a_row_ = 0;
    readahead_bytes_ = 0;
  }
  const BlockExtent extent = table_->index_.extent(number);
  const BlockReader& reader = table_->reader_;
  if (++misses_in_a_row_ > kMissesBeforeReadahead && !window_.Holds(extent)) {
    FIRN_TRY(ReadAhead(number, move));
  }
  FIRN_TRY_ASSIGN(auto loaded, window_.Holds(extent) ? reader.Unpack(extent, window_.Stored(extent))
                                                     : reader.Load(extent));
  if (!fill_cache_) {
    return loaded;
  }
  return table_->cache_->Insert(slot, std::move(loaded),
                                move == Move::kSeek ? BlockCache::kWarm : BlockCache::kCold);
}

// Fills the window with block `number` and those that follow in the direction of the move.
Result<void> Table::Cursor::ReadAhead(std::uint32_t number, Move move) {
  const std::uint64_t bytes_max = std::clamp<std::uint64_t>(
      table_->cache_->capacity() / kReadaheadShareOfCache, kReadaheadBytesMin, kReadaheadBytesMax);
  readahead_bytes_ = std::clamp(readahead_bytes_ * 2, kReadaheadBytesMin, bytes_max);
  const TableIndex& index = table_->index_;
  std::uint64_t begin = index.extent(number).offset;
  std::uint64_t end = index.extent(number).end();
  auto fits = [&](const BlockExtent& extent) {
    return std::max(end, extent.end()) - std::min(begin, extent.offset) <= readahead_bytes_;
  };
  if (move == Move::kForward) {
    while (++number < index.block_count() && fits(index.extent(number))) {
      end = index.extent(number).end();
    }
  } else {
    while (number-- > 0 && fits(index.extent(number))) {
      begin = index.extent(number).offset;
    }
  }
  FIRN_TRY(window_.Fill(table_->reader_, begin, end));
  if (readahead_bytes_ == bytes_max) {  // It has been going on for long, and so it will.
    const std::uint64_t next =
        move == Move::kForward ? end : begin - std::min(begin, readahead_bytes_);
    table_->reader_.WillRead(next, readahead_bytes_);
  }
  return {};
}

}  // namespace firn
