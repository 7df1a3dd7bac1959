// SPDX-License-Identifier: Apache-2.0
//
// A live table: its entry in the manifest and, once something has asked for it, the open table. It
// is shared by every Version that lists it; when the last of them is gone and an edit has removed
// the table, the file is deleted, never before.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "io/file_system.h"
#include "storage/table/table.h"
#include "storage/version/table_meta.h"

namespace firn {

// Where the tables of a database are, and the list of those waiting for deletion. Thread-safe.
class TableDirectory {
 public:
  TableDirectory(std::shared_ptr<FileSystem> files, std::string directory,
                 std::shared_ptr<BlockCache> cache)
      : files_(std::move(files)), directory_(std::move(directory)), cache_(std::move(cache)) {}

  std::string PathOf(const TableName& name) const { return JoinPath(directory_, Describe(name)); }
  Result<std::shared_ptr<const Table>> Open(const TableName& name) const;

  // Notes a file for deletion: it may happen on any thread and under an epoch, so no I/O yet.
  void DeleteLater(const TableName& name);
  // Deletes what was noted. Returns the first error; the rest is tried all the same.
  Result<void> DeleteNoted();

  // Charges index and filter of an open table. Not under an EpochGuard.
  void AddResident(std::size_t bytes) { cache_->AddResident(bytes); }
  void RemoveResident(std::size_t bytes) { cache_->RemoveResident(bytes); }

 private:
  const std::shared_ptr<FileSystem> files_;
  const std::string directory_;
  const std::shared_ptr<BlockCache> cache_;
  Mutex mutex_;
  std::vector<TableName> noted_ FIRN_GUARDED_BY(mutex_);
};

class TableFile {
 public:
  TableFile(TableMeta meta, std::shared_ptr<TableDirectory> directory)
      : meta_(std::move(meta)), directory_(std::move(directory)) {}
  ~TableFile();
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;

  const TableMeta& meta() const { return meta_; }

  // The open table, or null when nobody has opened it yet. Free of waiting.
  const Table* opened() const { return opened_.load(std::memory_order_acquire); }
  // Opens it first if need be: blocks on the disk. It stays open as long as this object.
  // kCorruption also when the file is intact, but another table than the manifest means.
  Result<std::shared_ptr<const Table>> Open() const;

  // An edit that removed the table is durable: delete the file after the last reader.
  void MarkRemoved() const { removed_.store(true, std::memory_order_relaxed); }
  // A damaged table is left alone by compaction; reads still try it.
  void MarkDamaged() const { damaged_.store(true, std::memory_order_relaxed); }
  bool damaged() const { return damaged_.load(std::memory_order_relaxed); }

 private:
  Result<void> CheckIdentity(const Table& table) const;

  const TableMeta meta_;
  const std::shared_ptr<TableDirectory> directory_;
  mutable std::atomic<bool> removed_{false};
  mutable std::atomic<bool> damaged_{false};
  mutable std::atomic<const Table*> opened_{nullptr};
  mutable Mutex mutex_;
  mutable std::shared_ptr<const Table> table_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn
