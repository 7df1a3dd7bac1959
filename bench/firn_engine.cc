// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <thread>

#include "engine.h"
#include "firn/database.h"

namespace firn::bench {
namespace {

void Check(const Result<void>& result) {
  if (!result) {
    Die("firn: " + result.error().Describe());
  }
}

class FirnCursor final : public Cursor {
 public:
  explicit FirnCursor(Iterator iterator) : iterator_(std::move(iterator)) {}
  void SeekToFirst() override { iterator_.SeekToFirst(); }
  void SeekToLast() override { iterator_.SeekToLast(); }
  void Seek(std::string_view key) override { iterator_.Seek(key); }
  void Next() override { iterator_.Next(); }
  void Prev() override { iterator_.Prev(); }
  bool Valid() override { return iterator_.valid(); }
  std::string_view Key() override { return iterator_.key(); }
  std::string_view Value() override { return iterator_.value(); }

 private:
  Iterator iterator_;
};

class FirnEngine final : public Engine {
 public:
  explicit FirnEngine(Database database) : database_(std::move(database)) {}

  void Put(std::string_view key, std::string_view value, bool sync) override {
    const WriteOptions options{.durability = sync ? Durability::kDisk : Durability::kProcess,
                               .applied_index = {}};
    Check(database_.Put(key, value, options));
  }
  bool Get(std::string_view key, std::string& value) override {
    auto found = database_.GetPinned(key);
    if (!found) {
      Die("firn: " + found.error().Describe());
    }
    if (!*found) {
      return false;
    }
    value.assign((*found)->view());
    return true;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<FirnCursor>(database_.NewIterator());
  }
  void Settle() override {
    auto flushed = database_.Flush();
    if (!flushed) {
      Die("firn: " + flushed.error().Describe());
    }
    while (database_.GetStatistics().compactions_pending > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void CompactAll() override {
    auto compacted = database_.CompactRange();
    if (!compacted) {
      Die("firn: " + compacted.error().Describe());
    }
  }
  std::uint64_t BytesWritten() override {
    const Statistics s = database_.GetStatistics();
    return s.wal_bytes + s.flush_bytes_written + s.compaction_bytes_written;
  }

 private:
  Database database_;
};

}  // namespace

std::unique_ptr<Engine> OpenFirn(const EngineOptions& options) {
  Options firn_options;
  firn_options.memory_budget_bytes = options.cache_bytes + 3 * options.memtable_bytes;
  firn_options.memtable_bytes = options.memtable_bytes;
  firn_options.bloom_bits_per_key = options.bloom_bits_per_key;
  firn_options.compression = options.compress ? Compression::kLz4 : Compression::kNone;
  auto database = Database::Open(options.directory, firn_options);
  if (!database) {
    Die("firn: " + database.error().Describe());
  }
  return std::make_unique<FirnEngine>(*std::move(database));
}

}  // namespace firn::bench
