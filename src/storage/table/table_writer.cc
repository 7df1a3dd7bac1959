// SPDX-License-Identifier: Apache-2.0
#include "storage/table/table_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "base/page.h"
#include "base/propagate.h"
#include "storage/table/block_format.h"
#include "storage/table/bloom_filter.h"
#include "storage/table/table_format.h"

namespace firn {

using table_format::BlockExtent;
using table_format::Extent;
using table_format::kTrailerBytes;

namespace {

constexpr std::size_t kAppendBytes = std::size_t{256} << 10;
// At most this part of a block is spent on padding.
constexpr std::size_t kPaddingShare = 16;
static_assert(kPageBytes - 1 <= block_format::kPaddingBytesMax);

}  // namespace

Result<std::unique_ptr<TableWriter>> TableWriter::Create(TableWriterOptions options) {
  FIRN_TRY_ASSIGN(auto file, options.files.CreateAppendable(options.path));
  return std::unique_ptr<TableWriter>(new TableWriter(std::move(options), std::move(file)));
}

TableWriter::TableWriter(TableWriterOptions options, std::unique_ptr<AppendableFile> file)
    : options_(std::move(options)),
      file_(std::move(file)),
      compressor_(options_.compression),
      last_shrank_(compressor_.codec() != Codec::kNone) {
  buffer_.reserve(kAppendBytes + 4 * options_.block_bytes);
  if (options_.bloom_bits_per_key != 0) {
    hashes_.reserve(options_.expected_entries);
  }
}

TableWriter::~TableWriter() { Abandon(); }

void TableWriter::Abandon() {
  if (file_ != nullptr) {
    // Nobody can act on a failure here: a file left behind belongs to no version and is removed
    // when the database is opened next.
    static_cast<void>(file_->Close());
    file_.reset();
    static_cast<void>(options_.files.Delete(options_.path));
  }
}

Result<void> TableWriter::Add(const Entry& entry) {
  const bool first = properties_.entry_count == 0;
  const int order = first ? -1 : std::string_view(last_key_).compare(entry.key);
  FIRN_CHECK(order < 0 || (order == 0 && entry.sequence < last_sequence_), last_sequence_,
             entry.sequence);
  FIRN_CHECK(entry.kind <= Kind::kPut && entry.sequence <= kSequenceMax, entry.sequence);
  const bool stands_alone = entry.value.size() > options_.block_bytes / 2;
  const bool shares = !stands_alone && !last_stands_alone_;
  if (!block_.TryAdd(entry, shares ? RoomForBlock() : 0)) {
    FIRN_TRY(FinishBlock(entry));
    block_.Add(entry);
  }
  last_stands_alone_ = stands_alone;
  Count(entry, order != 0);
  if (order != 0) {
    last_key_.assign(entry.key);
  }
  last_sequence_ = entry.sequence;
  return {};
}

// A block that will lie in the file as it is ends where a page ends: a read of it touches as few
// pages as can be.
std::size_t TableWriter::RoomForBlock() const {
  const std::uint64_t aim = offset() + options_.block_bytes;
  const std::uint64_t page_end = (aim + kPageBytes / 2) / kPageBytes * kPageBytes;
  const std::uint64_t distance = page_end > aim ? page_end - aim : aim - page_end;
  const bool aligns = !last_shrank_ && distance <= options_.block_bytes / 4;
  return static_cast<std::size_t>((aligns ? page_end : aim) - offset()) - kTrailerBytes;
}

// Fills the block that ends the buffer up to the end of its page, if little is missing there.
void TableWriter::PadBlock() {
  const std::uint64_t end = offset() + kTrailerBytes;
  const std::size_t missing = -end & (kPageBytes - 1);
  if (!last_stands_alone_ && missing <= options_.block_bytes / kPaddingShare) {
    buffer_.append(missing, '\0');
  }
}

void TableWriter::Count(const Entry& entry, bool new_key) {
  if (properties_.entry_count++ == 0) {
    properties_.smallest_key = entry.key;
    properties_.smallest_sequence = entry.sequence;
  }
  properties_.tombstone_count += entry.kind == Kind::kDelete ? 1 : 0;
  properties_.key_bytes += entry.key.size();
  properties_.value_bytes += entry.value.size();
  properties_.smallest_sequence = std::min(properties_.smallest_sequence, entry.sequence);
  properties_.largest_sequence = std::max(properties_.largest_sequence, entry.sequence);
  if (new_key && options_.bloom_bits_per_key != 0) {
    hashes_.push_back(Hash64(entry.key));
  }
}

Result<void> TableWriter::FinishBlock(const Entry& next) {
  const bool splits_key = next.key == last_key_;
  if (splits_key) {
    block_.MarkMultiVersion();
  }
  if (buffer_.size() + block_.estimated_bytes() + kPageBytes > buffer_.capacity()) {
    FIRN_TRY(FlushBuffer());  // Rather than let one large value double the buffer.
  }
  const BlockExtent extent = StoreBlock();
  index_.Add(extent, {.key = last_key_, .sequence = last_sequence_, .value = {}}, next.key);
  if (splits_key) {
    block_.MarkMultiVersion();  // The next block, which was started by StoreBlock.
  }
  return buffer_.size() >= kAppendBytes ? FlushBuffer() : Result<void>{};
}

// Appends the block to the buffer. One that does not shrink by an eighth is stored as it is.
BlockExtent TableWriter::StoreBlock() {
  const std::size_t start = buffer_.size();
  BlockExtent extent{.offset = offset()};
  std::size_t raw_bytes = 0;
  Codec codec = Codec::kNone;
  if (compressor_.codec() == Codec::kNone || last_stands_alone_) {
    block_.Finish(buffer_);
  } else {
    raw_.clear();
    block_.Finish(raw_);
    raw_bytes = raw_.size();
    codec = AppendCompressed();
    last_shrank_ = codec != Codec::kNone;
  }
  if (codec == Codec::kNone) {
    PadBlock();
    raw_bytes = buffer_.size() - start;
  }
  table_format::PutTrailer(buffer_, start, codec, {options_.table_id, extent.offset});
  extent.stored_bytes = static_cast<std::uint32_t>(buffer_.size() - start);
  extent.raw_bytes = static_cast<std::uint32_t>(raw_bytes);
  return extent;
}

// Appends raw_, compressed if that makes it an eighth smaller. Returns how it is stored.
Codec TableWriter::AppendCompressed() {
  const std::size_t start = buffer_.size();
  const std::size_t room = raw_.size() - (raw_.size() + 7) / 8;
  buffer_.resize(start + room);
  const std::size_t used = compressor_.Compress(raw_, {buffer_.data() + start, room});
  buffer_.resize(start + used);
  if (used == 0) {
    buffer_.append(raw_);
    return Codec::kNone;
  }
  return compressor_.codec();
}

Extent TableWriter::StoreSection(std::string_view bytes) {
  const std::uint64_t at = offset();
  const std::size_t start = buffer_.size();
  buffer_.append(bytes);
  table_format::PutTrailer(buffer_, start, Codec::kNone, {options_.table_id, at});
  return {.offset = at, .stored_bytes = buffer_.size() - start};
}

// Appends what the buffer holds, up to the middle of a page. Where all appends end with pages, the
// kernel keeps the file in larger pieces of memory; freed with the table, they go back to the host
// of a virtual machine, and have to be fetched from it again: merging everything took 1.6 times as
// long.
Result<void> TableWriter::FlushBuffer() {
  const auto kept = static_cast<std::size_t>((offset() + kPageBytes / 2) % kPageBytes);
  return kept < buffer_.size() ? Append(buffer_.size() - kept) : Result<void>{};
}

// Appends the first `bytes` of the buffer to the file.
Result<void> TableWriter::Append(std::size_t bytes) {
  FIRN_TRY(file_->Append(std::string_view(buffer_).substr(0, bytes)));
  written_bytes_ += bytes;
  buffer_.erase(0, bytes);
  return {};
}

std::uint64_t TableWriter::estimated_file_bytes() const {
  const std::uint64_t filter = hashes_.size() * options_.bloom_bits_per_key / 8;
  return offset() + block_.estimated_bytes() + filter + index_.estimated_bytes() +
         last_key_.size() + properties_.smallest_key.size() + table_format::kFooterBytes;
}

Result<TableProperties> TableWriter::Finish() {
  FIRN_CHECK(file_ != nullptr);
  if (!block_.empty()) {
    const BlockExtent extent = StoreBlock();
    index_.AddLast(extent, last_key_);
    properties_.largest_key = last_key_;
  }
  properties_.block_count = index_.block_count();
  FIRN_TRY(FinishFile());
  properties_.file_bytes = offset();
  file_.reset();
  return properties_;
}

Result<void> TableWriter::FinishFile() {
  const BloomFilter filter(hashes_, options_.bloom_bits_per_key);
  properties_.filter_bits = filter.bits();
  table_format::Description description{.properties = properties_,
                                        .creation = options_.creation,
                                        .filter_probes = filter.probes(),
                                        .filter = StoreSection(filter.bytes()),
                                        .index = {}};
  raw_.clear();
  index_.Finish(raw_);
  description.index = StoreSection(raw_);
  raw_.clear();
  table_format::PutDescription(raw_, description);
  const Extent properties = StoreSection(raw_);
  table_format::PutFooter(buffer_, {.table_id = options_.table_id, .properties = properties},
                          offset());
  FIRN_TRY(Append(buffer_.size()));
  FIRN_TRY(file_->Sync());
  return file_->Close();
}

}  // namespace firn
