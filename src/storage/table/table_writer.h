// SPDX-License-Identifier: Apache-2.0
//
// Writes one table, front to back, from entries in order. Blocks are built, compressed and checked
// in buffers that live as long as the writer; the file gets large appends. Nothing is readable
// before Finish, which also syncs the file; its name is the caller's to sync. Not thread-safe;
// every call may block on the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firn/options.h"
#include "firn/result.h"
#include "io/file_system.h"
#include "storage/entry.h"
#include "storage/table/block_builder.h"
#include "storage/table/block_memory.h"
#include "storage/table/codec.h"
#include "storage/table/table_index.h"
#include "storage/table/table_properties.h"

namespace firn {

struct TableWriterOptions {
  FileSystem& files;
  std::string path;
  // Random: tells the blocks of this table from those of any other.
  std::uint64_t table_id = 0;
  // Orders the tables of a database by when they were made, for a repair without a manifest.
  std::uint64_t creation = 0;
  std::size_t block_bytes = std::size_t{8} << 10;
  unsigned bloom_bits_per_key = 10;
  Compression compression = Compression::kLz4;
  // Room for filter hashes is set aside at once when this is known. 0: it is not.
  std::size_t expected_entries = 0;
};

class TableWriter {
 public:
  // Creates the file. kAlreadyExists, kNoSpace, kIo.
  static Result<std::unique_ptr<TableWriter>> Create(TableWriterOptions options);
  // Abandons a table that was not finished.
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  // Adds the next version. Keys ascend, and sequences descend within a key; anything else aborts.
  // After a failure only Abandon is of use.
  Result<void> Add(const Entry& entry);

  std::uint64_t entry_count() const { return properties_.entry_count; }
  // About the size of the file if it were finished now.
  std::uint64_t estimated_file_bytes() const;

  std::size_t filter_memory_bytes() const { return hashes_.size() * sizeof(hashes_[0]); }

  // Completes, syncs and closes the file. A table without entries is legal. Call once.
  Result<TableProperties> Finish();

  // Closes and deletes the partial file. Harmless when repeated or after Finish succeeded.
  void Abandon();

 private:
  TableWriter(TableWriterOptions options, std::unique_ptr<AppendableFile> file);

  std::size_t RoomForBlock() const;
  void Count(const Entry& entry, bool new_key);
  Result<void> FinishBlock(const Entry& next);
  table_format::BlockExtent StoreBlock();
  Codec AppendCompressed();
  void PadBlock();
  table_format::Extent StoreSection(std::string_view bytes);
  Result<void> FlushBuffer();
  Result<void> Append(std::size_t bytes);
  Result<void> FinishFile();
  std::uint64_t offset() const { return written_bytes_ + buffer_.size(); }

  const TableWriterOptions options_;
  std::unique_ptr<AppendableFile> file_;  // Null once finished or abandoned.
  Compressor compressor_;
  BlockBuilder block_;
  TableIndexBuilder index_;
  TableProperties properties_;
  std::vector<std::uint64_t, block_memory::Allocator<std::uint64_t>> hashes_;
  std::string buffer_;  // Bytes for the file, from written_bytes_ on.
  std::string raw_;     // A block before it is compressed.
  std::string last_key_;
  SequenceNumber last_sequence_;
  bool last_stands_alone_ = false;  // The block consists of one huge value.
  bool last_shrank_;                // When compressed, as the next one is expected to.
  std::uint64_t written_bytes_ = 0;
};

}  // namespace firn
