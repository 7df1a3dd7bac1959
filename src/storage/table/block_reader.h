// SPDX-License-Identifier: Apache-2.0
//
// Fetches stored blocks of one table file: reads, checks, decompresses, parses. What is damaged is
// reported with the table's name and the offset. Thread-safe; reads may block on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "firn/result.h"
#include "io/file_system.h"
#include "storage/table/block_cache.h"
#include "storage/table/block_memory.h"
#include "storage/table/codec.h"
#include "storage/table/table_format.h"

namespace firn {

class BlockReader {
 public:
  BlockReader(std::string name, std::unique_ptr<ReadableFile> file, std::uint64_t table_id,
              TableCounters& counters)
      : name_(std::move(name)), file_(std::move(file)), table_id_(table_id), counters_(counters) {}

  // Fills `out`. A file that ends before is kCorruption.
  Result<void> Read(std::uint64_t offset, std::span<char> out) const;
  // Says that these bytes come next.
  void WillRead(std::uint64_t offset, std::uint64_t length) const {
    file_->WillRead(offset, length);
  }

  // Reads one block from the file.
  Result<BlockReference> Load(const table_format::BlockExtent& extent) const;
  // Makes a block of bytes read before.
  Result<BlockReference> Unpack(const table_format::BlockExtent& extent,
                                std::string_view stored) const;
  // The bytes of the block in `stored`: a part of it, or decompressed into `scratch`. Both must
  // have kSlackBytes of room behind; `scratch` grows as needed.
  Result<std::string_view> Expand(const table_format::BlockExtent& extent, std::string_view stored,
                                  std::string& scratch) const;

  // The error with the table's name and the offset put before it.
  Error At(std::uint64_t offset, const Error& error) const;

  std::uint64_t table_id() const { return table_id_; }
  const std::string& name() const { return name_; }

 private:
  Result<Codec> CheckBlock(const table_format::BlockExtent& extent, std::string_view stored) const;
  Result<BlockReference> Finish(const table_format::BlockExtent& extent,
                                CountedPointer<CachedBlock> block) const;

  const std::string name_;
  const std::unique_ptr<ReadableFile> file_;
  const std::uint64_t table_id_;
  TableCounters& counters_;
};

// Stored bytes of some blocks in a row, for those who read one after the other. Not thread-safe.
class BlockWindow {
 public:
  bool Holds(const table_format::BlockExtent& extent) const {
    return begin_ <= extent.offset && extent.end() <= end_;
  }
  // Requires Holds. Followed by kSlackBytes of readable memory. Until the next Fill.
  std::string_view Stored(const table_format::BlockExtent& extent) const {
    return {bytes_.data() + (extent.offset - begin_), extent.stored_bytes};
  }
  // Reads the bytes of the file from `begin` to `end` in one go.
  Result<void> Fill(const BlockReader& reader, std::uint64_t begin, std::uint64_t end);

 private:
  block_memory::Buffer bytes_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace firn
