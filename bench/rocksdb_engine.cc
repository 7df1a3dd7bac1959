// SPDX-License-Identifier: Apache-2.0
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <chrono>
#include <thread>

#include "engine.h"

namespace firn::bench {
namespace {

void Check(const rocksdb::Status& status) {
  if (!status.ok()) {
    Die("rocksdb: " + status.ToString());
  }
}

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksCursor final : public Cursor {
 public:
  explicit RocksCursor(rocksdb::Iterator* iterator) : iterator_(iterator) {}
  void SeekToFirst() override { iterator_->SeekToFirst(); }
  void SeekToLast() override { iterator_->SeekToLast(); }
  void Seek(std::string_view key) override { iterator_->Seek(SliceOf(key)); }
  void Next() override { iterator_->Next(); }
  void Prev() override { iterator_->Prev(); }
  bool Valid() override { return iterator_->Valid(); }
  std::string_view Key() override { return View(iterator_->key()); }
  std::string_view Value() override { return View(iterator_->value()); }

 private:
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksEngine final : public Engine {
 public:
  explicit RocksEngine(rocksdb::DB* database) : database_(database) {}

  void Put(std::string_view key, std::string_view value, bool sync) override {
    rocksdb::WriteOptions options;
    options.sync = sync;
    Check(database_->Put(options, SliceOf(key), SliceOf(value)));
  }
  bool Get(std::string_view key, std::string& value) override {
    rocksdb::PinnableSlice pinned;
    const rocksdb::Status status = database_->Get(
        rocksdb::ReadOptions(), database_->DefaultColumnFamily(), SliceOf(key), &pinned);
    if (status.IsNotFound()) {
      return false;
    }
    Check(status);
    value.assign(pinned.data(), pinned.size());
    return true;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<RocksCursor>(database_->NewIterator(rocksdb::ReadOptions()));
  }
  void Settle() override {
    Check(database_->Flush(rocksdb::FlushOptions()));
    auto busy = [this](const char* property) {
      std::uint64_t value = 0;
      database_->GetIntProperty(property, &value);
      return value > 0;
    };
    while (busy("rocksdb.num-running-compactions") || busy("rocksdb.compaction-pending") ||
           busy("rocksdb.num-running-flushes") || busy("rocksdb.mem-table-flush-pending")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void CompactAll() override {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    Check(database_->CompactRange(options, nullptr, nullptr));
  }

 private:
  std::unique_ptr<rocksdb::DB> database_;
};

}  // namespace

std::unique_ptr<Engine> OpenRocksDb(const EngineOptions& options) {
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

}  // namespace firn::bench
