// SPDX-License-Identifier: Apache-2.0
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include "engine.h"
#include "native_iterator.h"

namespace firn::bench {
namespace {

void Check(const leveldb::Status& status) {
  if (!status.ok()) {
    Die("leveldb: " + status.ToString());
  }
}

leveldb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

using LevelIterator = NativeIterator<leveldb::Iterator, leveldb::Slice, Check>;

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
  void Delete(std::string_view key) override {
    Check(database_->Delete(leveldb::WriteOptions(), SliceOf(key)));
  }
  // It knows values as copies alone; the string keeps its memory.
  bool Get(std::string_view key, std::uint64_t& digest) override {
    thread_local std::string value;
    const leveldb::Status status = database_->Get(leveldb::ReadOptions(), SliceOf(key), &value);
    if (status.IsNotFound()) {
      return false;
    }
    Check(status);
    digest += Digest(value);
    return true;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<CursorOver<LevelIterator>>(
        LevelIterator(database_->NewIterator(leveldb::ReadOptions())));
  }
  bool CompactAll() override {
    database_->CompactRange(nullptr, nullptr);
    return true;
  }

 private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> database_;
};

std::unique_ptr<Engine> Open(const EngineOptions& options) {
  return std::make_unique<LevelEngine>(options);
}

std::vector<std::string> Settings(const EngineOptions& options) {
  return {"block_cache=LRUCache(" + std::to_string(options.cache_bytes) + ")",
          "write_buffer_size=" + std::to_string(options.memtable_bytes),
          "filter_policy=bloom(" + std::to_string(options.bloom_bits_per_key) + ")",
          "max_open_files=10000", options.compress ? "compression=snappy" : "compression=none"};
}

}  // namespace

EngineKind LevelDbKind() {
  return {.name = "leveldb",
          .version =
              std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion),
          .open = Open,
          .settings = Settings};
}

}  // namespace firn::bench
