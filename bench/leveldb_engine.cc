// SPDX-License-Identifier: Apache-2.0
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include <chrono>
#include <thread>

#include "engine.h"

namespace firn::bench {
namespace {

void Check(const leveldb::Status& status) {
  if (!status.ok()) {
    Die("leveldb: " + status.ToString());
  }
}

leveldb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view View(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

class LevelCursor final : public Cursor {
 public:
  explicit LevelCursor(leveldb::Iterator* iterator) : iterator_(iterator) {}
  void SeekToFirst() override { iterator_->SeekToFirst(); }
  void SeekToLast() override { iterator_->SeekToLast(); }
  void Seek(std::string_view key) override { iterator_->Seek(SliceOf(key)); }
  void Next() override { iterator_->Next(); }
  void Prev() override { iterator_->Prev(); }
  bool Valid() override { return iterator_->Valid(); }
  std::string_view Key() override { return View(iterator_->key()); }
  std::string_view Value() override { return View(iterator_->value()); }

 private:
  std::unique_ptr<leveldb::Iterator> iterator_;
};

class LevelEngine final : public Engine {
 public:
  explicit LevelEngine(const EngineOptions& options)
      : cache_(leveldb::NewLRUCache(options.cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(static_cast<int>(options.bloom_bits_per_key))) {
    leveldb::Options level;
    level.create_if_missing = true;
    level.write_buffer_size = options.memtable_bytes;
    level.block_cache = cache_.get();
    level.filter_policy = filter_.get();
    level.max_open_files = 10000;
    level.compression = options.compress ? leveldb::kSnappyCompression : leveldb::kNoCompression;
    leveldb::DB* database = nullptr;
    Check(leveldb::DB::Open(level, options.directory, &database));
    database_.reset(database);
  }

  void Put(std::string_view key, std::string_view value, bool sync) override {
    leveldb::WriteOptions options;
    options.sync = sync;
    Check(database_->Put(options, SliceOf(key), SliceOf(value)));
  }
  bool Get(std::string_view key, std::string& value) override {
    const leveldb::Status status = database_->Get(leveldb::ReadOptions(), SliceOf(key), &value);
    if (status.IsNotFound()) {
      return false;
    }
    Check(status);
    return true;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<LevelCursor>(database_->NewIterator(leveldb::ReadOptions()));
  }
  // LevelDB does not say when it is done: its compaction log has to stay unchanged for a while.
  void Settle() override {
    std::string last;
    for (int quiet = 0; quiet < 20;) {
      std::string now;
      database_->GetProperty("leveldb.stats", &now);
      quiet = now == last ? quiet + 1 : 0;
      last = now;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  void CompactAll() override { database_->CompactRange(nullptr, nullptr); }

 private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> database_;
};

}  // namespace

std::unique_ptr<Engine> OpenLevelDb(const EngineOptions& options) {
  return std::make_unique<LevelEngine>(options);
}

}  // namespace firn::bench
