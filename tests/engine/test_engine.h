// SPDX-License-Identifier: Apache-2.0
//
// An engine on simulated seams, for tests: files in memory that can be made to fail or be cloned as
// a crash would leave them, and a scheduler that runs everything on the calling thread, in an order
// that a seed decides. The same seed gives the same run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/faulty_file_system.h"
#include "io/memory_file_system.h"
#include "io/stepped_scheduler.h"
#include "storage/engine/engine.h"

namespace firn {

inline constexpr const char* kTestDirectory = "/db";

// Options small enough that a few kilobytes make a tree of several levels.
inline Options SmallOptions() {
  Options options;
  options.memory_budget_bytes = 1 << 20;
  options.memtable_bytes = 16 << 10;
  options.block_bytes = 1 << 10;
  options.table_bytes = 16 << 10;
  options.level0_tables_max = 3;
  options.level0_bytes_max = 32 << 10;
  options.level_ratio = 3;
  options.wal_append = WalAppend::kWrite;
  return options;
}

class TestEngine {
 public:
  explicit TestEngine(std::uint64_t seed = 1, std::shared_ptr<MemoryFileSystem> memory = nullptr)
      : seed_(seed),
        memory_(memory != nullptr ? std::move(memory) : std::make_shared<MemoryFileSystem>()),
        files_(std::make_shared<FaultyFileSystem>(memory_)) {}

  Result<void> Open(const Options& options) {
    scheduler_ = std::make_shared<SteppedScheduler>(seed_);
    auto engine = Engine::Open({.files = files_,
                                .scheduler = scheduler_,
                                .seed = seed_,
                                .manifest_bytes_max = manifest_bytes_max_},
                               kTestDirectory, options);
    if (!engine) {
      return std::move(engine).error();
    }
    engine_ = *std::move(engine);
    return {};
  }

  Result<void> Close() {
    Result<void> closed = engine_->Close();
    engine_.reset();
    return closed;
  }

  // The process ends: what it had not synced is still in the page cache.
  void CrashByKill() { Replace(memory_->CloneAfterKill()); }
  // The power goes: of what was not synced, `survival_percent` in a hundred is on disk.
  void CrashByPowerLoss(Random& random, std::optional<unsigned> survival_percent = std::nullopt) {
    Replace(memory_->CloneAfterPowerLoss(random, survival_percent));
  }

  Result<void> Put(std::string_view key, std::string_view value, const WriteOptions& options = {}) {
    CommitRequest request;
    request.key = key;
    request.value = value;
    return engine_->Write(request, options);
  }
  Result<void> Delete(std::string_view key, const WriteOptions& options = {}) {
    CommitRequest request;
    request.kind = Kind::kDelete;
    request.key = key;
    return engine_->Write(request, options);
  }
  Result<void> Write(const WriteBatch& batch, const WriteOptions& options = {}) {
    CommitRequest request;
    request.operations = batch.encoded();
    return engine_->Write(request, options);
  }
  Result<std::optional<std::string>> Get(std::string_view key, const ReadOptions& options = {}) {
    auto read = engine_->Get(key, options);
    if (!read) {
      return std::move(read).error();
    }
    return std::move(read->value);
  }

  // From the next Open on.
  void set_manifest_bytes_max(std::uint64_t bytes) { manifest_bytes_max_ = bytes; }
  bool is_open() const { return engine_ != nullptr; }
  Engine& engine() { return *engine_; }
  SteppedScheduler& scheduler() { return *scheduler_; }
  MemoryFileSystem& memory() { return *memory_; }
  FaultyFileSystem& files() { return *files_; }

 private:
  // The dead engine goes on with its own files, where nobody sees what its end does.
  void Replace(std::shared_ptr<MemoryFileSystem> memory) {
    engine_.reset();
    memory_ = std::move(memory);
    files_ = std::make_shared<FaultyFileSystem>(memory_);
  }

  std::uint64_t seed_;
  std::uint64_t manifest_bytes_max_ = Catalog::kRollOverBytes;
  std::shared_ptr<MemoryFileSystem> memory_;
  std::shared_ptr<FaultyFileSystem> files_;
  std::shared_ptr<SteppedScheduler> scheduler_;
  std::shared_ptr<Engine> engine_;
};

}  // namespace firn
