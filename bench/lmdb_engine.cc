// SPDX-License-Identifier: Apache-2.0
//
// LMDB, a B+-tree in a mapped file: each write is a transaction of its own, each point read a read
// transaction, and a cursor holds one. Its cache is the system's; it has no filter, log,
// compression or background work.
#include <lmdb.h>

#include <filesystem>
#include <utility>

#include "engine.h"

namespace firn::bench {
namespace {

constexpr std::size_t kMapBytes = std::size_t{64} << 30;  // Of address space, not of the disk.
constexpr unsigned kReadersMax = 256;

void Check(int code) {
  if (code != MDB_SUCCESS) {
    Die(std::string("lmdb: ") + mdb_strerror(code));
  }
}

MDB_val ValueOf(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // It does not write to it.
}
std::string_view View(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

class Transaction {
 public:
  Transaction(MDB_env* environment, unsigned flags) {
    Check(mdb_txn_begin(environment, nullptr, flags, &transaction_));
  }
  ~Transaction() {
    if (transaction_ != nullptr) {
      mdb_txn_abort(transaction_);
    }
  }
  Transaction(Transaction&& other) noexcept
      : transaction_(std::exchange(other.transaction_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;

  void Commit() { Check(mdb_txn_commit(std::exchange(transaction_, nullptr))); }
  MDB_txn* get() const { return transaction_; }

 private:
  MDB_txn* transaction_ = nullptr;
};

class LmdbIterator {
 public:
  LmdbIterator(MDB_env* environment, MDB_dbi tree) : transaction_(environment, MDB_RDONLY) {
    Check(mdb_cursor_open(transaction_.get(), tree, &cursor_));
  }
  ~LmdbIterator() {
    if (cursor_ != nullptr) {
      mdb_cursor_close(cursor_);
    }
  }
  LmdbIterator(LmdbIterator&& other) noexcept
      : transaction_(std::move(other.transaction_)),
        cursor_(std::exchange(other.cursor_, nullptr)) {}
  LmdbIterator& operator=(LmdbIterator&&) = delete;

  void SeekToFirst() { Move(MDB_FIRST); }
  void SeekToLast() { Move(MDB_LAST); }
  void Seek(std::string_view key) {
    key_ = ValueOf(key);
    Move(MDB_SET_RANGE);
  }
  void Next() { Move(MDB_NEXT); }
  void Prev() { Move(MDB_PREV); }
  bool Valid() const { return valid_; }
  std::string_view Key() const { return View(key_); }
  std::string_view Value() const { return View(value_); }

 private:
  void Move(MDB_cursor_op how) {
    const int code = mdb_cursor_get(cursor_, &key_, &value_, how);
    valid_ = code != MDB_NOTFOUND;
    if (valid_) {
      Check(code);
    }
  }

  Transaction transaction_;
  MDB_cursor* cursor_ = nullptr;
  MDB_val key_{};
  MDB_val value_{};
  bool valid_ = false;
};

class LmdbEngine final : public Engine {
 public:
  explicit LmdbEngine(const EngineOptions& options) {
    std::filesystem::create_directories(options.directory);
    Check(mdb_env_create(&environment_));
    Check(mdb_env_set_mapsize(environment_, kMapBytes));
    Check(mdb_env_set_maxreaders(environment_, kReadersMax));
    Check(mdb_env_open(environment_, options.directory.c_str(),
                       MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0644));
    Transaction transaction(environment_, 0);
    Check(mdb_dbi_open(transaction.get(), nullptr, 0, &tree_));
    transaction.Commit();
  }
  ~LmdbEngine() override { mdb_env_close(environment_); }
  LmdbEngine(const LmdbEngine&) = delete;
  LmdbEngine& operator=(const LmdbEngine&) = delete;

  void Put(std::string_view key, std::string_view value, bool sync) override {
    Transaction transaction(environment_, 0);
    MDB_val lmdb_key = ValueOf(key);
    MDB_val lmdb_value = ValueOf(value);
    Check(mdb_put(transaction.get(), tree_, &lmdb_key, &lmdb_value, 0));
    transaction.Commit();
    if (sync) {
      Check(mdb_env_sync(environment_, 1));
    }
  }
  void Delete(std::string_view key) override {
    Transaction transaction(environment_, 0);
    MDB_val lmdb_key = ValueOf(key);
    if (const int code = mdb_del(transaction.get(), tree_, &lmdb_key, nullptr);
        code != MDB_NOTFOUND) {
      Check(code);
      transaction.Commit();
    }
  }
  bool Get(std::string_view key, std::uint64_t& digest) override {
    return MultiGet({&key, 1}, digest) == 1;
  }
  std::size_t MultiGet(std::span<const std::string_view> keys, std::uint64_t& digest) override {
    const Transaction transaction(environment_, MDB_RDONLY);
    std::size_t found = 0;
    for (const std::string_view key : keys) {
      MDB_val lmdb_key = ValueOf(key);
      MDB_val value{};
      if (const int code = mdb_get(transaction.get(), tree_, &lmdb_key, &value);
          code != MDB_NOTFOUND) {
        Check(code);
        digest += Digest(View(value));
        ++found;
      }
    }
    return found;
  }
  std::unique_ptr<Cursor> NewCursor() override {
    return std::make_unique<CursorOver<LmdbIterator>>(LmdbIterator(environment_, tree_));
  }
  bool CompactAll() override { return false; }

 private:
  MDB_env* environment_ = nullptr;
  MDB_dbi tree_ = 0;
};

std::unique_ptr<Engine> Open(const EngineOptions& options) {
  return std::make_unique<LmdbEngine>(options);
}

std::vector<std::string> Settings(const EngineOptions&) {
  return {"MDB_NOSYNC, with mdb_env_sync where a row syncs", "MDB_NOTLS", "MDB_NORDAHEAD",
          "a transaction for each write, the system's page cache"};
}

}  // namespace

EngineKind LmdbKind() {
  return {.name = "lmdb",
          .version = std::to_string(MDB_VERSION_MAJOR) + "." + std::to_string(MDB_VERSION_MINOR) +
                     "." + std::to_string(MDB_VERSION_PATCH),
          .open = Open,
          .settings = Settings,
          .sets_the_bar = false};
}

}  // namespace firn::bench
