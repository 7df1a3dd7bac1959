// SPDX-License-Identifier: Apache-2.0
#include "storage/table/block_reader.h"

#include <array>
#include <cstring>

#include "base/propagate.h"

namespace firn {

using block_format::kSlackBytes;
using table_format::BlockExtent;
using table_format::kTrailerBytes;

namespace {

// Compressed blocks up to this size are read onto the stack.
constexpr std::size_t kStackBytes = std::size_t{16} << 10;

}  // namespace

Error BlockReader::At(std::uint64_t offset, const Error& error) const {
  return {error.code, "table " + name_ + " @" + std::to_string(offset) + ": " + error.context};
}

Result<void> BlockReader::Read(std::uint64_t offset, std::span<char> out) const {
  counters_.Add(TableCounter::kFileReads);
  counters_.Add(TableCounter::kFileBytesRead, out.size());
  FIRN_TRY_ASSIGN(const std::size_t got, file_->Read(offset, out));
  if (got != out.size()) {
    return At(offset, {ErrorCode::kCorruption, "file ends after " + std::to_string(got) +
                                                   " bytes want " + std::to_string(out.size())});
  }
  return {};
}

Result<Codec> BlockReader::CheckBlock(const BlockExtent& extent, std::string_view stored) const {
  auto codec = table_format::CheckTrailer(stored, table_id_, extent.offset);
  if (!codec) {
    return At(extent.offset, codec.error());
  }
  if ((*codec != Codec::kNone) != extent.compressed()) {
    return At(extent.offset, {ErrorCode::kCorruption,
                              "block with codec " + std::to_string(static_cast<int>(*codec)) +
                                  " of " + std::to_string(stored.size() - kTrailerBytes) +
                                  " bytes want " + std::to_string(extent.raw_bytes)});
  }
  return codec;
}

Result<BlockReference> BlockReader::Finish(const BlockExtent& extent,
                                           CountedPointer<CachedBlock> block) const {
  if (auto parsed = block->Parse(extent.raw_bytes); !parsed) {
    return At(extent.offset, parsed.error());
  }
  if (block->block().count() == 0) {
    return At(extent.offset, {ErrorCode::kCorruption, "block without entries"});
  }
  return BlockReference(std::move(block));
}

Result<BlockReference> BlockReader::Load(const BlockExtent& extent) const {
  if (extent.compressed()) {
    std::array<char, kStackBytes> on_stack;
    std::unique_ptr<char[]> on_heap;
    char* stored = on_stack.data();
    if (extent.stored_bytes > kStackBytes) {
      on_heap = std::make_unique_for_overwrite<char[]>(extent.stored_bytes);
      stored = on_heap.get();
    }
    FIRN_TRY(Read(extent.offset, {stored, extent.stored_bytes}));
    return Unpack(extent, {stored, extent.stored_bytes});
  }
  // The trailer arrives behind the block and stays there.
  auto block = CachedBlock::Make(extent.stored_bytes);
  FIRN_TRY(Read(extent.offset, block->room()));
  FIRN_TRY(CheckBlock(extent, {block->room().data(), extent.stored_bytes}));
  return Finish(extent, std::move(block));
}

Result<BlockReference> BlockReader::Unpack(const BlockExtent& extent,
                                           std::string_view stored) const {
  FIRN_TRY_ASSIGN(const Codec codec, CheckBlock(extent, stored));
  auto block = CachedBlock::Make(extent.raw_bytes);
  const std::string_view content = stored.substr(0, stored.size() - kTrailerBytes);
  if (codec == Codec::kNone) {
    content.copy(block->room().data(), content.size());
  } else if (auto done = Decompress(codec, content, block->room()); !done) {
    return At(extent.offset, done.error());
  }
  return Finish(extent, std::move(block));
}

Result<std::string_view> BlockReader::Expand(const BlockExtent& extent, std::string_view stored,
                                             std::string& scratch) const {
  FIRN_TRY_ASSIGN(const Codec codec, CheckBlock(extent, stored));
  const std::string_view content = stored.substr(0, stored.size() - kTrailerBytes);
  if (codec == Codec::kNone) {
    return content;
  }
  if (scratch.size() < extent.raw_bytes + kSlackBytes) {
    scratch.resize(extent.raw_bytes + kSlackBytes);
  }
  if (auto done = Decompress(codec, content, {scratch.data(), extent.raw_bytes}); !done) {
    return At(extent.offset, done.error());
  }
  return std::string_view(scratch.data(), extent.raw_bytes);
}

Result<void> BlockWindow::Fill(const BlockReader& reader, std::uint64_t begin, std::uint64_t end) {
  begin_ = end_ = 0;  // Holds nothing if the read fails.
  const auto bytes = static_cast<std::size_t>(end - begin);
  char* const place = bytes_.MakeRoom(bytes + kSlackBytes);
  std::memset(place + bytes, 0, kSlackBytes);
  FIRN_TRY(reader.Read(begin, {place, bytes}));
  begin_ = begin;
  end_ = end;
  return {};
}

}  // namespace firn
