// SPDX-License-Identifier: Apache-2.0
//
// What the activities of the engine (writing, reading, flushing, compacting) share. Each activity
// is a class of its own that is given this; none knows the others' insides.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "firn/options.h"
#include "io/file_system.h"
#include "io/scheduler.h"
#include "storage/compaction/picker.h"
#include "storage/compaction/write_controller.h"
#include "storage/engine/backoff.h"
#include "storage/engine/counters.h"
#include "storage/engine/health.h"
#include "storage/engine/memtable_census.h"
#include "storage/engine/snapshot_list.h"
#include "storage/engine/view.h"
#include "storage/memtable/chunk_pool.h"
#include "storage/table/block_cache.h"
#include "storage/version/catalog.h"
#include "storage/version/table_output.h"

namespace firn {

// The seams a database runs on.
struct Environment {
  std::shared_ptr<FileSystem> files;
  std::shared_ptr<Scheduler> scheduler;
  std::uint64_t seed = 0;                                      // Of everything random: table ids.
  std::uint64_t manifest_bytes_max = Catalog::kRollOverBytes;  // See there; tests make it small.
};

// A memtable takes 9 KiB for its first entry, so smaller limits are held against its data.
inline constexpr std::size_t kMemtableMemoryMin = std::size_t{16} << 10;

struct EngineParts {
  EngineParts(Environment seams, std::string path, const Options& checked_options);

  // Constant after construction.
  Environment environment;
  Options options;
  std::string directory;
  LevelLimits limits;
  std::shared_ptr<BlockCache> cache;
  std::shared_ptr<TableDirectory> tables;
  std::shared_ptr<ChunkPool> chunks = std::make_shared<ChunkPool>(options.memtable_bytes);

  // Set by opening, constant after it; the objects synchronise themselves.
  std::unique_ptr<Catalog> catalog;  // Logged to by Installer alone.
  std::unique_ptr<CurrentView> view;

  // Synchronise themselves.
  std::atomic<std::size_t> memtable_bytes;  // Size at which the active memtable is frozen.
  std::atomic<std::uint64_t> visible_sequence{0};
  std::atomic<bool> closing{false};
  MemtableCensus frozen_memtables;
  SnapshotList snapshots{visible_sequence};
  Health health;
  Backoff flush_backoff;
  std::array<Backoff, kLaneCount> compaction_backoff;  // By lane.
  WriteController controller;
  ReadCounters read_counters;
  WriteCounters write_counters;
  BackgroundCounters background_counters;

  TableOutput::Setup output_setup() {
    return {.files = *environment.files,
            .tables = *tables,
            .catalog = *catalog,
            .options = options,
            .seed = environment.seed};
  }
  std::shared_ptr<Memtable> NewMemtable() const {
    return std::make_shared<Memtable>(chunks, memtable_bytes.load(std::memory_order_relaxed));
  }
  // For a Backoff; 0 where the file system does not tell.
  std::uint64_t FreeBytes() const { return environment.files->FreeBytes(directory).value_or(0); }
  std::chrono::nanoseconds Now() const { return environment.scheduler->clock().Now(); }
};

}  // namespace firn
