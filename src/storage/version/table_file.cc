// SPDX-License-Identifier: Apache-2.0
#include "storage/version/table_file.h"

#include <utility>

#include "base/propagate.h"

namespace firn {

Result<std::shared_ptr<const Table>> TableDirectory::Open(const TableName& name) const {
  return Table::Open(*files_, PathOf(name), cache_);
}

void TableDirectory::DeleteLater(const TableName& name) {
  MutexLock lock(mutex_);
  noted_.push_back(name);
}

Result<void> TableDirectory::DeleteNoted() {
  std::vector<TableName> names;
  {
    MutexLock lock(mutex_);
    names.swap(noted_);
  }
  Result<void> first_error;
  for (const TableName& name : names) {
    Result<void> deleted = files_->Delete(PathOf(name));
    if (!deleted && first_error) {
      first_error = std::move(deleted);
    }
  }
  return first_error;
}

TableFile::~TableFile() {
  if (const Table* table = opened(); table != nullptr) {
    directory_->RemoveResident(table->resident_bytes());
  }
  if (removed_.load(std::memory_order_relaxed)) {
    directory_->DeleteLater(meta_.name);
  }
}

// A table that came under the name of another passes every checksum of its own.
Result<void> TableFile::CheckIdentity(const Table& table) const {
  if (table.creation() == meta_.name.number.value && table.properties() == meta_.properties) {
    return {};
  }
  const auto describe = [](std::uint64_t number, const TableProperties& properties) {
    return "number " + std::to_string(number) + " with " + std::to_string(properties.entry_count) +
           " entries of sequences " + std::to_string(properties.smallest_sequence.value) + " to " +
           std::to_string(properties.largest_sequence.value);
  };
  return Error{ErrorCode::kCorruption, "table " + Describe(meta_.name) + ": the file holds " +
                                           describe(table.creation(), table.properties()) +
                                           ", the manifest means " +
                                           describe(meta_.name.number.value, meta_.properties)};
}

Result<std::shared_ptr<const Table>> TableFile::Open() const {
  {
    MutexLock lock(mutex_);
    if (table_ != nullptr) {
      return table_;
    }
  }
  // Outside the lock, since it reads the disk: two threads may both open, and one copy is dropped.
  FIRN_TRY_ASSIGN(std::shared_ptr<const Table> table, directory_->Open(meta_.name));
  FIRN_TRY(CheckIdentity(*table));
  std::shared_ptr<const Table> kept;
  {
    MutexLock lock(mutex_);
    if (table_ != nullptr) {
      return table_;
    }
    kept = table_ = std::move(table);
    opened_.store(kept.get(), std::memory_order_release);
  }
  directory_->AddResident(kept->resident_bytes());  // It may have to evict.
  return kept;
}

}  // namespace firn
