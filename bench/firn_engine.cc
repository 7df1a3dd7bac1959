// SPDX-License-Identifier: Apache-2.0
#include "engine.h"
#include "firn/database.h"

namespace firn::bench {
namespace {

template <typename Value>
void Check(const Result<Value>& result) {
  if (!result) {
    Die("firn: " + result.error().Describe());
  }
}

class FirnIterator {
 public:
  explicit FirnIterator(Iterator iterator) : iterator_(std::move(iterator)) {}
  void SeekToFirst() { iterator_.SeekToFirst(); }
  void SeekToLast() { iterator_.SeekToLast(); }
  void Seek(std::string_view key) { iterator_.Seek(key); }
  void Next() { iterator_.Next(); }
  void Prev() { iterator_.Prev(); }
  bool Valid() {
    const bool valid = iterator_.valid();
    if (!valid) [[unlikely]] {
      Check(iterator_.status());
    }
    return valid;
  }
  std::string_view Key() { return iterator_.key(); }
  std::string_view Value() { return iterator_.value(); }

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
  void Delete(std::string_view key) override { Check(database_.Delete(key)); }
  bool Get(std::string_view key, std::uint64_t& digest) override {
    const auto found = database_.GetPinned(key);
    Check(found);
    if (*found) {
      digest += Digest((*found)->view());
    }
    return found->has_value();
  }
  std::size_t MultiGet(std::span<const std::string_view> keys, std::uint64_t& digest) override {
    const auto values = database_.MultiGet(keys);
    Check(values);
    std::size_t found = 0;
    for (const auto& value : *values) {
      if (value) {
        digest += Digest(*value);
        ++found;
      }
    }
    return found;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<CursorOver<FirnIterator>>(FirnIterator(database_.NewIterator()));
  }
  bool IsBusy() override { return database_.GetStatistics().compactions_pending > 0; }
  bool CompactAll() override {
    Check(database_.CompactRange());
    return true;
  }

 private:
  Database database_;
};

Options OptionsOf(const EngineOptions& options) {
  Options firn;
  firn.memory_budget_bytes = options.cache_bytes + 3 * options.memtable_bytes;
  firn.memtable_bytes = options.memtable_bytes;
  firn.bloom_bits_per_key = options.bloom_bits_per_key;
  // As the peers: who does not ask for a sync leaves it to the system.
  firn.sync_interval = std::chrono::milliseconds(0);
  firn.compression = options.compress ? Compression::kLz4 : Compression::kNone;
  return firn;
}

std::unique_ptr<Engine> Open(const EngineOptions& options) {
  auto database = Database::Open(options.directory, OptionsOf(options));
  Check(database);
  return std::make_unique<FirnEngine>(*std::move(database));
}

std::vector<std::string> Settings(const EngineOptions& options) {
  const Options firn = OptionsOf(options);
  return {"memory_budget_bytes=" + std::to_string(firn.memory_budget_bytes) +
              " (cache and three memtables)",
          "memtable_bytes=" + std::to_string(firn.memtable_bytes),
          "bloom_bits_per_key=" + std::to_string(firn.bloom_bits_per_key), "sync_interval=0",
          options.compress ? "compression=lz4" : "compression=none"};
}

}  // namespace

EngineKind FirnKind() {
  return {.name = "firn", .version = FIRN_VERSION, .open = Open, .settings = Settings};
}

}  // namespace firn::bench
