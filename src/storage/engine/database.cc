// SPDX-License-Identifier: Apache-2.0
//
// The public face: every member function checks nothing and decides nothing, it hands over to
// Engine.
#include "firn/database.h"

#include <utility>

#include "base/propagate.h"
#include "base/random.h"
#include "io/posix_file_system.h"
#include "storage/engine/handles.h"

namespace firn {

Snapshot::Snapshot(std::shared_ptr<const internal::SnapshotHandle> handle)
    : handle_(std::move(handle)) {}

std::uint64_t Snapshot::sequence() const { return handle_->sequence().value; }

Result<Database> Database::Open(const std::string& directory, const Options& options) {
  Environment environment{
      .files = PosixFileSystem(), .scheduler = MakeThreadScheduler(), .seed = EntropySeed()};
  FIRN_TRY_ASSIGN(std::shared_ptr<Engine> engine,
                  Engine::Open(std::move(environment), directory, options));
  return Database(std::make_unique<internal::DatabaseHandle>(std::move(engine)));
}

Database::Database(std::unique_ptr<internal::DatabaseHandle> handle) : handle_(std::move(handle)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<void> Database::Close() { return handle_->engine().Close(); }

Result<void> Database::Put(std::string_view key, std::string_view value,
                           const WriteOptions& options) {
  CommitRequest request;
  request.key = key;
  request.value = value;
  return handle_->engine().Write(request, options);
}

Result<void> Database::Delete(std::string_view key, const WriteOptions& options) {
  CommitRequest request;
  request.kind = Kind::kDelete;
  request.key = key;
  return handle_->engine().Write(request, options);
}

Result<void> Database::Write(const WriteBatch& batch, const WriteOptions& options) {
  if (batch.empty()) {
    return {};
  }
  CommitRequest request;
  request.operations = batch.encoded();
  return handle_->engine().Write(request, options);
}

Result<void> Database::Sync() { return handle_->engine().Sync(); }

Result<std::optional<std::string>> Database::Get(std::string_view key,
                                                 const ReadOptions& options) const {
  FIRN_TRY_ASSIGN(TracedRead read, handle_->engine().Get(key, options));
  return std::move(read.value);
}

Result<std::optional<PinnedValue>> Database::GetPinned(std::string_view key,
                                                       const ReadOptions& options) const {
  return handle_->engine().GetPinned(key, options);
}

Result<std::vector<std::optional<std::string>>> Database::MultiGet(
    std::span<const std::string_view> keys, const ReadOptions& options) const {
  return handle_->engine().MultiGet(keys, options);
}

Snapshot Database::TakeSnapshot() const { return handle_->engine().TakeSnapshot(); }

Iterator Database::NewIterator(const ScanOptions& options) const {
  return handle_->engine().NewIterator(options);
}

ScanRange Database::Scan(const ScanOptions& options) const {
  return ScanRange(NewIterator(options), options.reverse);
}

Result<FlushResult> Database::Flush() { return handle_->engine().Flush(); }

Result<CompactionResult> Database::CompactRange(const ScanOptions& range) {
  return handle_->engine().CompactRange(range);
}

Result<CompactionResult> Database::CompactLevel(int level) {
  return handle_->engine().CompactLevel(level);
}

Result<void> Database::Checkpoint(const std::string& directory) {
  FIRN_TRY(handle_->engine().Checkpoint(directory));
  return {};
}

Result<std::uint64_t> Database::Verify() const { return handle_->engine().Verify(); }

std::vector<LevelInfo> Database::Levels() const { return handle_->engine().Levels(); }

Statistics Database::GetStatistics() const { return handle_->engine().GetStatistics(); }

std::uint64_t Database::AppliedIndex() const { return handle_->engine().AppliedIndex(); }

}  // namespace firn
