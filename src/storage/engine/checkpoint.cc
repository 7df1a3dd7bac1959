// SPDX-License-Identifier: Apache-2.0
//
// Looking over the whole of a database: copying it by hard links, and verifying it.
#include <algorithm>
#include <utility>

#include "base/propagate.h"
#include "storage/engine/engine.h"
#include "storage/engine/open.h"

namespace firn {
namespace {

// Every live table, those without entries included.
TableList AllTables(const Version& version) {
  TableList all = version.empty_tables();
  for (int level = 0; level < kLevelCount; ++level) {
    all.insert(all.end(), version.tables(level).begin(), version.tables(level).end());
  }
  return all;
}

}  // namespace

// The flush puts everything acknowledged before the call into tables, so that no log has to be
// copied: a live segment must never be linked, for its bytes go on changing. The version that is
// held keeps the files from being deleted meanwhile. SUPER comes last: without it the copy is no
// database.
Result<AppliedPoint> Engine::Checkpoint(const std::string& directory) {
  FIRN_TRY(CheckOpen());
  FileSystem& files = *parts_.environment.files;
  if (Result<std::vector<std::string>> names = files.List(directory); names) {
    return Error{ErrorCode::kAlreadyExists, directory + ": a checkpoint needs a new directory"};
  }
  // Also what was applied without a write, such as a change of membership, has to be in an edit.
  FIRN_TRY_ASSIGN(const std::uint64_t applied, write_path_.AppliedIndex());
  if (const auto view = CurrentViewReference(); !view->active->empty() ||
                                                !view->frozen_newest_first.empty() ||
                                                view->version->applied().index < applied) {
    FIRN_TRY(Flush());
  }
  const std::shared_ptr<const Version> version = CurrentViewReference()->version;
  FIRN_TRY(files.CreateDirectory(directory));
  for (const auto& table : AllTables(*version)) {
    const TableName& name = table->meta().name;
    FIRN_TRY(files.Link(parts_.tables->PathOf(name), JoinPath(directory, Describe(name))));
  }
  FIRN_TRY(files.SyncDirectory(directory));
  VersionEdit edit = version->Snapshot();
  for (const auto& table : AllTables(*version)) {
    edit.last_sequence = std::max(edit.last_sequence.value_or(SequenceNumber{}),
                                  table->meta().properties.largest_sequence);
  }
  const auto catalog = Catalog::Fresh(
      parts_.environment.files, directory,
      std::make_shared<TableDirectory>(parts_.environment.files, directory, parts_.cache));
  FIRN_TRY(catalog->StartManifestFrom(edit));
  return version->applied();
}

Result<std::uint64_t> Engine::Verify() const {
  FIRN_TRY(CheckOpen());
  FIRN_TRY(CheckInvariants());
  std::uint64_t bytes = 0;
  const std::shared_ptr<const Version> version = CurrentViewReference()->version;
  for (const auto& file : AllTables(*version)) {
    FIRN_TRY_ASSIGN(const std::shared_ptr<const Table> table, file->Open());
    FIRN_TRY_ASSIGN(const std::uint64_t table_bytes, table->Verify());
    bytes += table_bytes;
    if (table->properties() != file->meta().properties) {
      return Error{ErrorCode::kCorruption, parts_.tables->PathOf(file->meta().name) +
                                               ": is not the table that the manifest describes"};
    }
  }
  return bytes;
}

Result<void> Engine::CheckInvariants() const {
  const std::shared_ptr<const View> view = CurrentViewReference();
  FIRN_TRY(view->version->CheckInvariants());
  FIRN_TRY_ASSIGN(const DirectoryListing listing,
                  ListDirectory(*parts_.environment.files, parts_.directory));
  for (const auto& table : AllTables(*view->version)) {
    if (std::ranges::find(listing.tables, table->meta().name) == listing.tables.end()) {
      return Error{ErrorCode::kCorruption, parts_.tables->PathOf(table->meta().name) + ": missing"};
    }
  }
  for (std::size_t i = 1; i < view->frozen_newest_first.size(); ++i) {
    if (view->frozen_newest_first[i].ticket >= view->frozen_newest_first[i - 1].ticket) {
      return Error{ErrorCode::kCorruption, "frozen memtables are out of order"};
    }
  }
  return {};
}

}  // namespace firn
