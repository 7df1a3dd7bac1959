// SPDX-License-Identifier: Apache-2.0
//
// Opening and point reads. Opening takes one read of the file's tail for footer and properties, and
// a second one for filter and index unless that tail already held them.
#include "storage/table/table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/propagate.h"

namespace firn {

using table_format::BlockExtent;
using table_format::Description;
using table_format::Extent;
using table_format::Footer;
using table_format::kFooterBytes;
using table_format::kTrailerBytes;

namespace {

constexpr std::uint64_t kTailBytes = 8 << 10;

Error Corrupt(std::string what) { return {ErrorCode::kCorruption, std::move(what)}; }

// The file from some offset to its end, and what is parsed out of it.
class Tail {
 public:
  Tail(std::string name, const ReadableFile& file, std::uint64_t file_bytes)
      : name_(std::move(name)), file_(file), file_bytes_(file_bytes), begin_(file_bytes) {}

  // Makes sure that everything from `offset` on is here.
  Result<void> ReachDownTo(std::uint64_t offset);
  Result<Footer> TakeFooter();
  Result<Description> TakeDescription(const Footer& footer);
  Result<BloomFilter> TakeFilter(const Footer& footer, const Description& description);
  Result<TableIndex> TakeIndex(const Footer& footer, const Description& description);

 private:
  Error At(std::uint64_t offset, const Error& error) const {
    return {error.code, "table " + name_ + " @" + std::to_string(offset) + ": " + error.context};
  }
  // The checked content of a section; sections are never compressed.
  Result<std::string_view> Content(const Extent& extent, std::uint64_t table_id) const;

  const std::string name_;
  const ReadableFile& file_;
  const std::uint64_t file_bytes_;
  std::uint64_t begin_;
  std::string bytes_;
};

Result<void> Tail::ReachDownTo(std::uint64_t offset) {
  if (offset >= begin_) {
    return {};
  }
  const auto missing = static_cast<std::size_t>(begin_ - offset);
  std::string bytes(missing + bytes_.size(), '\0');
  FIRN_TRY_ASSIGN(const std::size_t got, file_.Read(offset, std::span(bytes).first(missing)));
  if (got != missing) {
    return At(offset, Corrupt("file ends after " + std::to_string(got) + " bytes want " +
                              std::to_string(missing)));
  }
  bytes_.copy(bytes.data() + missing, bytes_.size());
  bytes_ = std::move(bytes);
  begin_ = offset;
  return {};
}

Result<Footer> Tail::TakeFooter() {
  if (file_bytes_ < kFooterBytes) {
    return At(0, Corrupt("file of " + std::to_string(file_bytes_) + " bytes, a footer alone has " +
                         std::to_string(kFooterBytes)));
  }
  const std::uint64_t offset = file_bytes_ - kFooterBytes;
  auto footer = table_format::ParseFooter(std::string_view(bytes_).substr(offset - begin_), offset);
  if (!footer) {
    return At(offset, footer.error());
  }
  return footer;
}

Result<std::string_view> Tail::Content(const Extent& extent, std::uint64_t table_id) const {
  const std::string_view stored =
      std::string_view(bytes_).substr(extent.offset - begin_, extent.stored_bytes);
  auto codec = table_format::CheckTrailer(stored, table_id, extent.offset);
  if (!codec) {
    return At(extent.offset, codec.error());
  }
  if (*codec != Codec::kNone) {
    return At(extent.offset, Corrupt("section with codec " +
                                     std::to_string(static_cast<int>(*codec)) + " want 0"));
  }
  return stored.substr(0, stored.size() - kTrailerBytes);
}

Result<Description> Tail::TakeDescription(const Footer& footer) {
  FIRN_TRY_ASSIGN(auto content, Content(footer.properties, footer.table_id));
  auto description = table_format::ParseDescription(content);
  if (!description) {
    return At(footer.properties.offset, description.error());
  }
  // Filter and index fill the file between the blocks and the properties.
  const Extent& filter = description->filter;
  const Extent& index = description->index;
  if (filter.offset > index.offset || index.offset > footer.properties.offset ||
      filter.stored_bytes != index.offset - filter.offset ||
      index.stored_bytes != footer.properties.offset - index.offset) {
    return At(footer.properties.offset,
              Corrupt("filter @" + std::to_string(filter.offset) + " and index @" +
                      std::to_string(index.offset) + " do not fill the file"));
  }
  description->properties.file_bytes = file_bytes_;
  return description;
}

Result<BloomFilter> Tail::TakeFilter(const Footer& footer, const Description& description) {
  const Extent& extent = description.filter;
  FIRN_TRY_ASSIGN(auto content, Content(extent, footer.table_id));
  const unsigned probes = description.filter_probes;
  if (content.empty()) {
    return BloomFilter();
  }
  if (content.size() % kBloomLineBytes != 0 || probes == 0 || probes > kBloomProbesMax) {
    return At(extent.offset, Corrupt("filter of " + std::to_string(content.size()) +
                                     " bytes with " + std::to_string(probes) + " probes"));
  }
  std::vector<BloomLine> lines(content.size() / kBloomLineBytes);
  content.copy(reinterpret_cast<char*>(lines.data()), content.size());
  return BloomFilter(std::move(lines), probes);
}

Result<TableIndex> Tail::TakeIndex(const Footer& footer, const Description& description) {
  const Extent& extent = description.index;
  FIRN_TRY_ASSIGN(auto content, Content(extent, footer.table_id));
  auto index = TableIndex::Parse(content, description.filter.offset);
  if (!index) {
    return At(extent.offset, index.error());
  }
  const TableProperties& properties = description.properties;
  if (index->block_count() != properties.block_count ||
      (properties.block_count == 0) != (properties.entry_count == 0)) {
    return At(extent.offset, Corrupt("index of " + std::to_string(index->block_count()) +
                                     " blocks want " + std::to_string(properties.block_count)));
  }
  return index;
}

}  // namespace

struct Table::Parts {
  std::string name;
  std::unique_ptr<ReadableFile> file;
  std::uint64_t table_id = 0;
  Description description;
  TableIndex index;
  BloomFilter filter;
  std::shared_ptr<BlockCache> cache;
};

Table::Table(Parts parts)
    : reader_(std::move(parts.name), std::move(parts.file), parts.table_id,
              parts.cache->counters()),
      description_(std::move(parts.description)),
      index_(std::move(parts.index)),
      filter_(std::move(parts.filter)),
      cache_(std::move(parts.cache)),
      slots_(std::make_unique<BlockSlot[]>(index_.block_count())) {}

Table::~Table() { cache_->Remove(slots()); }

Result<std::shared_ptr<const Table>> Table::Open(FileSystem& files, const std::string& path,
                                                 std::shared_ptr<BlockCache> cache) {
  Parts parts;
  parts.name = path.substr(path.rfind('/') + 1);
  parts.cache = std::move(cache);
  FIRN_TRY_ASSIGN(parts.file, files.OpenReadable(path));
  FIRN_TRY_ASSIGN(const std::uint64_t file_bytes, parts.file->Size());
  Tail tail(parts.name, *parts.file, file_bytes);
  FIRN_TRY(tail.ReachDownTo(file_bytes - std::min(file_bytes, kTailBytes)));
  FIRN_TRY_ASSIGN(const Footer footer, tail.TakeFooter());
  parts.table_id = footer.table_id;
  FIRN_TRY(tail.ReachDownTo(footer.properties.offset));
  FIRN_TRY_ASSIGN(parts.description, tail.TakeDescription(footer));
  FIRN_TRY(tail.ReachDownTo(parts.description.filter.offset));
  FIRN_TRY_ASSIGN(parts.filter, tail.TakeFilter(footer, parts.description));
  parts.description.properties.filter_bits = parts.filter.bits();
  FIRN_TRY_ASSIGN(parts.index, tail.TakeIndex(footer, parts.description));
  return std::shared_ptr<const Table>(new Table(std::move(parts)));
}

std::size_t Table::resident_bytes() const {
  return sizeof(Table) + index_.memory_bytes() + filter_.bytes().size() + slots().size_bytes() +
         properties().smallest_key.capacity() + properties().largest_key.capacity();
}

Block::Range Table::Approach(std::string_view key) const {
  const Block::Range near = index_.Narrow(key);
  if (near.last - near.first <= Block::kHeadsPerSample) {
    PrefetchLines(&slots_[near.first], (near.last - near.first + 1) * sizeof(BlockSlot));
  }
  return near;
}

Result<Found> Table::Find(const Lookup& lookup, ReadScope& scope, TableReadTrace& trace) const {
  if (lookup.key < properties().smallest_key || lookup.key > properties().largest_key) {
    return Found{};
  }
  return Find(lookup, Approach(lookup), scope, trace);
}

Result<Found> Table::Find(const Lookup& lookup, Block::Range near, ReadScope& scope,
                          TableReadTrace& trace) const {
  if (lookup.sequence < properties().smallest_sequence) {
    return Found{};
  }
  TableCounters& counters = cache_->counters();
  if (!filter_.empty()) {
    trace.filter_checked = true;
    trace.filter_excluded = !filter_.MayContain(lookup.hash);
    counters.Add(TableCounter::kFilterChecks);
    if (trace.filter_excluded) {
      counters.Add(TableCounter::kFilterUseful);
      return Found{};
    }
  }
  const std::uint32_t number = index_.Find(lookup.key, lookup.sequence, near);
  if (number == index_.block_count()) {
    return Found{};
  }
  auto found = FindInBlock(lookup, number, scope, trace);
  if (found && !found->has_value() && !filter_.empty()) {
    counters.Add(TableCounter::kFilterFalsePositives);
  }
  return found;
}

bool Table::Aim(const Lookup& lookup, Block::Range near) const {
  if (!filter_.MayContain(lookup.hash)) {
    return false;
  }
  const std::uint32_t number = index_.Find(lookup.key, lookup.sequence, near);
  if (number < index_.block_count()) {
    CachedBlock::Prefetch(slots_[number].load(std::memory_order_relaxed));
  }
  return true;
}

Result<Found> Table::FindInBlock(const Lookup& lookup, std::uint32_t number, ReadScope& scope,
                                 TableReadTrace& trace) const {
  const CachedBlock* block = nullptr;
  if (scope.in_epoch()) {
    block = slots_[number].load(std::memory_order_acquire);
    if (block != nullptr) [[likely]] {
      CachedBlock::Prefetch(block);
      scope.LookAt(*block);
      cache_->counters().Add(TableCounter::kCacheHits);
    } else {
      FIRN_TRY(scope.PrepareForDisk());
    }
  }
  if (block == nullptr) {
    FIRN_TRY_ASSIGN(auto pinned, PinBlock(number, scope.fill_cache(), trace));
    block = pinned.get();
    scope.KeepBlock(std::move(pinned));
  }
  block->MarkUsed();
  ++trace.blocks_searched;
  cache_->counters().Add(TableCounter::kBlocksSearched);
  const std::uint32_t entry = block->block().Find(lookup.key, lookup.sequence);
  if (entry == block->block().count()) {
    return Found{};
  }
  return Found{block->block().state(entry)};
}

Result<BlockReference> Table::PinBlock(std::uint32_t number, bool fill_cache,
                                       TableReadTrace& trace) const {
  if (auto pinned = BlockCache::Pin(slots_[number])) {
    cache_->counters().Add(TableCounter::kCacheHits);
    return pinned;
  }
  cache_->counters().Add(TableCounter::kCacheMisses);
  ++trace.file_reads;
  FIRN_TRY_ASSIGN(auto loaded, reader_.Load(index_.extent(number)));
  return fill_cache ? cache_->Insert(slots_[number], std::move(loaded), BlockCache::kWarm)
                    : std::move(loaded);
}

}  // namespace firn
