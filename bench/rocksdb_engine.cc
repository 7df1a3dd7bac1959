// SPDX-License-Identifier: Apache-2.0
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include "engine.h"
#include "native_iterator.h"

namespace firn::bench {
namespace {

void Check(const rocksdb::Status& status) {
  if (!status.ok()) {
    Die("rocksdb: " + status.ToString());
  }
}

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

using RocksIterator = NativeIterator<rocksdb::Iterator, rocksdb::Slice, Check>;

class RocksEngine final : public Engine {
 public:
  explicit RocksEngine(rocksdb::DB* database) : database_(database) {}

  void Put(std::string_view key, std::string_view value, bool sync) override {
    rocksdb::WriteOptions options;
    options.sync = sync;
    Check(database_->Put(options, SliceOf(key), SliceOf(value)));
  }
  void Delete(std::string_view key) override {
    Check(database_->Delete(rocksdb::WriteOptions(), SliceOf(key)));
  }
  bool Get(std::string_view key, std::uint64_t& digest) override {
    rocksdb::PinnableSlice pinned;
    const rocksdb::Status status =
        database_->Get(read_, database_->DefaultColumnFamily(), SliceOf(key), &pinned);
    if (status.IsNotFound()) {
      return false;
    }
    Check(status);
    digest += Digest(View(pinned));
    return true;
  }
  std::size_t MultiGet(std::span<const std::string_view> keys, std::uint64_t& digest) override {
    std::vector<rocksdb::Slice> slices;
    slices.reserve(keys.size());
    for (const std::string_view key : keys) {
      slices.push_back(SliceOf(key));
    }
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    database_->MultiGet(read_, database_->DefaultColumnFamily(), keys.size(), slices.data(),
                        values.data(), statuses.data());
    std::size_t found = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!statuses[i].IsNotFound()) {
        Check(statuses[i]);
        digest += Digest(View(values[i]));
        ++found;
      }
    }
    return found;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<CursorOver<RocksIterator>>(
        RocksIterator(database_->NewIterator(read_)));
  }
  bool IsBusy() override {
    auto any = [this](const char* property) {
      std::uint64_t value = 0;
      database_->GetIntProperty(property, &value);
      return value > 0;
    };
    return any("rocksdb.num-running-compactions") || any("rocksdb.compaction-pending") ||
           any("rocksdb.num-running-flushes") || any("rocksdb.mem-table-flush-pending");
  }
  bool CompactAll() override {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    Check(database_->CompactRange(options, nullptr, nullptr));
    return true;
  }

 private:
  const rocksdb::ReadOptions read_;
  std::unique_ptr<rocksdb::DB> database_;
};

std::unique_ptr<Engine> Open(const EngineOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(options.bloom_bits_per_key));
  table.format_version = 5;
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.write_buffer_size = options.memtable_bytes;
  rocks.max_background_jobs = 2;
  rocks.compression = options.compress ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* database = nullptr;
  Check(rocksdb::DB::Open(rocks, options.directory, &database));
  return std::make_unique<RocksEngine>(database);
}

std::vector<std::string> Settings(const EngineOptions& options) {
  return {"block_cache=LRUCache(" + std::to_string(options.cache_bytes) + ")",
          "write_buffer_size=" + std::to_string(options.memtable_bytes),
          "filter_policy=bloom(" + std::to_string(options.bloom_bits_per_key) + ")",
          "format_version=5",
          "max_background_jobs=2",
          options.compress ? "compression=lz4" : "compression=none",
          "reads by PinnableSlice"};
}

}  // namespace

EngineKind RocksDbKind() {
  return {.name = "rocksdb",
          .version = std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR) + "." +
                     std::to_string(ROCKSDB_PATCH),
          .open = Open,
          .settings = Settings};
}

}  // namespace firn::bench
