// SPDX-License-Identifier: Apache-2.0
//
// What kill_test and its child process share: a page of memory that outlives the child, in which it
// notes what it begins and what was acknowledged, and the sequence of writes, which follows from
// the plan, so that the test knows what the dead child wrote without having been told.
//
// The page is a shared mapping of a file: a store is there for the other process, whatever becomes
// of the one that made it. Each writer has a sequence and keys of its own, and starts a write only
// when the one before is acknowledged.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/random.h"
#include "engine/story.h"

namespace firn {

inline constexpr std::size_t kWritersMax = 3;

// One life of the child process.
struct LifePlan {
  std::uint64_t seed = 0;
  WalAppend way = WalAppend::kWrite;
  std::uint64_t writers = 1;
  std::uint64_t writes = 0;  // Of each writer; then the database is closed.
};

enum class Phase : std::uint32_t { kStarting, kOpening, kWriting, kClosing, kClosed };

// Numbers of writes, from 1 on.
struct alignas(64) WriterProgress {
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> acknowledged{0};
};

struct Ledger {
  LifePlan plan;
  std::atomic<Phase> phase{Phase::kStarting};
  std::atomic<std::int64_t> opening_nanoseconds{0};  // How long it took in this life.
  std::atomic<std::int64_t> closing_nanoseconds{0};
  std::array<WriterProgress, kWritersMax> progress{};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Maps the ledger in the file at `path`, which it makes if need be.
class LedgerMapping {
 public:
  explicit LedgerMapping(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    FIRN_CHECK(descriptor >= 0, path);
    FIRN_CHECK(::ftruncate(descriptor, sizeof(Ledger)) == 0, path);
    memory_ = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    FIRN_CHECK(memory_ != MAP_FAILED, path);
    ::close(descriptor);
  }
  ~LedgerMapping() { ::munmap(memory_, sizeof(Ledger)); }
  LedgerMapping(const LedgerMapping&) = delete;
  LedgerMapping& operator=(const LedgerMapping&) = delete;

  Ledger& operator*() { return *static_cast<Ledger*>(memory_); }
  Ledger* operator->() { return static_cast<Ledger*>(memory_); }

 private:
  void* memory_ = nullptr;
};

// Memtables so small that flushes and compactions never stop.
inline Options KillOptions(WalAppend way) {
  Options options;
  options.memory_budget_bytes = 8 << 20;
  options.memtable_bytes = 48 << 10;
  options.block_bytes = 2 << 10;
  options.table_bytes = 48 << 10;
  options.level0_tables_max = 3;
  options.level0_bytes_max = 96 << 10;
  options.level_ratio = 3;
  options.sync_interval = std::chrono::milliseconds(10);
  options.wal_append = way;
  return options;
}

inline std::string KeyPrefix(std::uint64_t writer) { return "w" + std::to_string(writer) + ":"; }

enum class Chore : std::uint8_t { kNone, kSync, kFlush, kCompactLevel, kCompactRange };

struct ScriptedWrite {
  History::Write operations;
  bool to_disk = false;
  Chore chore = Chore::kNone;  // What the writer does after it.
};

// The writes of one life.
class WriteScript {
 public:
  WriteScript(const LifePlan& plan, std::uint64_t writer) : seed_(plan.seed), writer_(writer) {}

  ScriptedWrite Write(std::uint64_t number) const {
    std::uint64_t mixed = seed_ ^ (writer_ << 56) ^ number;
    Random random(SplitMix64(mixed));
    ScriptedWrite write;
    write.to_disk = random.OneIn(12);
    write.chore = writer_ == 0 ? DrawChore(random) : Chore::kNone;
    if (random.OneIn(3'000)) {
      AddLargeBatch(random, number, write.operations);
      return write;
    }
    const std::uint64_t count = random.OneIn(5) ? 2 + random.Below(12) : 1;
    while (write.operations.size() < count) {
      const std::string key = KeyPrefix(writer_) + Story::Key(random.Below(2'000));
      const std::size_t bytes = random.OneIn(60) ? 2'000 + random.Below(4'000) : random.Below(120);
      write.operations.push_back(
          {key, random.OneIn(7) ? std::nullopt : std::optional(Value(random, number, bytes))});
    }
    return write;
  }

 private:
  static Chore DrawChore(Random& random) {
    const std::uint64_t draw = random.Below(3'000);
    if (draw < 6) {
      return Chore::kSync;
    }
    if (draw < 11) {
      return Chore::kFlush;
    }
    return draw < 13 ? Chore::kCompactLevel : draw < 14 ? Chore::kCompactRange : Chore::kNone;
  }

  // More than a log segment holds.
  void AddLargeBatch(Random& random, std::uint64_t number, History::Write& operations) const {
    for (std::uint64_t i = 0; i < 30; ++i) {
      operations.push_back(
          {KeyPrefix(writer_) + "large" + std::to_string(i), Value(random, number, 40'000)});
    }
  }

  std::string Value(Random& random, std::uint64_t number, std::size_t bytes) const {
    std::string value = std::to_string(seed_) + "." + std::to_string(number) + ".";
    while (bytes-- > 0) {
      value += static_cast<char>('a' + random.Below(26));
    }
    return value;
  }

  const std::uint64_t seed_;
  const std::uint64_t writer_;
};

}  // namespace firn
