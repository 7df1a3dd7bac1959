// SPDX-License-Identifier: Apache-2.0
//
// Firn's front door: an ordered key-value store in a directory.
//
//   auto database = firn::Database::Open("/var/lib/app").value();
//   database.Put("user:1", "Alice").value();
//   std::optional<std::string> name = database.Get("user:1").value();
//   for (auto [key, value] : database.Scan({.prefix = "user:"})) { … }
//
// Keys are 1 byte to 64 KiB, values 0 to 64 MiB, any bytes in both; keys are ordered bytewise.
// Every member function may be called from any thread at any time, except that moving or destroying
// the Database must not race with other calls on it. Iterators, snapshots and pinned values keep
// what they need alive: they may outlive the Database, and until the last iterator and snapshot is
// gone the directory stays locked.
//
// After the first failed write or sync of a file the database answers reads only and every write
// with that error (kReadOnly names it), until it is opened again. A full disk is milder: writes
// fail with kNoSpace and go on by themselves when there is space.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firn/iterator.h"
#include "firn/limits.h"
#include "firn/options.h"
#include "firn/result.h"
#include "firn/statistics.h"
#include "firn/write_batch.h"

#pragma GCC visibility push(default)
namespace firn {

namespace internal {
class DatabaseHandle;
class SnapshotHandle;

// One reference to what holds the bytes of a value.
class Pin {
 public:
  using GiveBack = void (*)(const void* holder);

  Pin(const void* holder, GiveBack give_back) : holder_(holder), give_back_(give_back) {}
  Pin(Pin&& other) noexcept
      : holder_(std::exchange(other.holder_, nullptr)), give_back_(other.give_back_) {}
  Pin& operator=(Pin&& other) noexcept {
    std::swap(holder_, other.holder_);
    std::swap(give_back_, other.give_back_);
    return *this;
  }
  ~Pin() {
    if (holder_ != nullptr) {
      give_back_(holder_);
    }
  }

 private:
  const void* holder_;
  GiveBack give_back_;
};
}  // namespace internal

// A point in the history of a database. Reads through it see exactly the writes acknowledged before
// it was taken. Holding one keeps old versions from being compacted away. Cheap to copy; copies
// share the point, which is released with the last of them.
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const internal::SnapshotHandle> handle);
  std::uint64_t sequence() const;

  const internal::SnapshotHandle& handle() const { return *handle_; }

 private:
  std::shared_ptr<const internal::SnapshotHandle> handle_;
};

// A value without a copy: it pins the block or memtable that holds the bytes, and nothing else; it
// may outlive the Database. Keep it briefly.
class PinnedValue {
 public:
  PinnedValue(std::string_view value, internal::Pin pin) : value_(value), pin_(std::move(pin)) {}
  std::string_view view() const { return value_; }

 private:
  std::string_view value_;
  internal::Pin pin_;
};

class Database {
 public:
  // Opens the database in `directory`, recovering what a crash left in its log. Blocks for the
  // length of that log. Errors: kInvalidArgument names the option; kNotFound, kAlreadyExists; kBusy
  // when another handle or process has it; kCorruption names file and offset; kIo, kNoSpace.
  static Result<Database> Open(const std::string& directory, const Options& options = {});

  explicit Database(std::unique_ptr<internal::DatabaseHandle> handle);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();  // Closes; an error of closing is lost, so call Close to see it.

  // Syncs the log, ends background work and refuses later calls with kClosed. Flushes first what
  // the next open would take long to replay, and without a log everything. Blocks until running
  // compactions have stopped at their next block.
  Result<void> Close();

  // Writes. May be slowed while flushes or compactions are behind; Statistics say why. A write that
  // failed with kIo may or may not be there after reopening.
  Result<void> Put(std::string_view key, std::string_view value, const WriteOptions& options = {});
  Result<void> Delete(std::string_view key, const WriteOptions& options = {});
  Result<void> Write(const WriteBatch& batch, const WriteOptions& options = {});

  // Makes every acknowledged write survive power loss.
  Result<void> Sync();

  // Reads. Never wait for writers.
  Result<std::optional<std::string>> Get(std::string_view key,
                                         const ReadOptions& options = {}) const;
  Result<std::optional<PinnedValue>> GetPinned(std::string_view key,
                                               const ReadOptions& options = {}) const;
  // All keys as of one moment, answers in the order of the keys.
  Result<std::vector<std::optional<std::string>>> MultiGet(std::span<const std::string_view> keys,
                                                           const ReadOptions& options = {}) const;

  Snapshot TakeSnapshot() const;
  // Bad options (prefix together with bounds) show as the iterator's status.
  Iterator NewIterator(const ScanOptions& options = {}) const;
  ScanRange Scan(const ScanOptions& options = {}) const;

  // Writes the memtable as a table, an empty one too, and waits for it.
  Result<FlushResult> Flush();
  // Merges every table that meets [lower, upper) down to the deepest level that holds any. Without
  // bounds: everything. Flushes first. Blocks; may take minutes.
  Result<CompactionResult> CompactRange(const ScanOptions& range = {});
  // Merges all of one level into the next. Blocks.
  Result<CompactionResult> CompactLevel(int level);

  // A copy that shares the table files by hard link: cheap, consistent, openable on its own.
  // `directory` must not exist and lie on the same file system.
  Result<void> Checkpoint(const std::string& directory);
  // Reads every block of every live table and checks every checksum. Returns the bytes read, or
  // the first kCorruption.
  Result<std::uint64_t> Verify() const;

  std::vector<LevelInfo> Levels() const;
  Statistics GetStatistics() const;
  // The largest applied_index whose write is in tables (see WriteOptions); 0 before the first.
  std::uint64_t AppliedIndex() const;

 private:
  std::unique_ptr<internal::DatabaseHandle> handle_;
};

}  // namespace firn
#pragma GCC visibility pop
