// SPDX-License-Identifier: Apache-2.0
//
// Puts a load on an open engine with one or more threads, each operation as soon as the one before
// it is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "cluster/histogram.h"
#include "engine.h"
#include "entries.h"
#include "stopwatch.h"
#include "workload.h"

namespace firn::bench {

// The database that rows of a family share.
struct Stage {
  std::unique_ptr<Engine> engine;
  EntryForm form;
  std::uint64_t entries = 0;               // That the rows' key orders speak of.
  std::atomic<std::uint64_t> numbers = 0;  // Entries 0 to this were put; inserts make more.
  unsigned threads = 1;
};

struct Load {
  Action action = Action::kGet;
  KeyOrder order = KeyOrder::kUniform;
  std::uint64_t operations = 1;  // Of all threads together.
  unsigned each = 1;
  Mix mix{};
  bool is_timed = false;  // Each operation, with one look at the clock.
  std::uint64_t seed = 1;
};

struct LoadFigures {
  std::uint64_t operations = 0;  // Entries for sweeps, keys for MultiGet.
  std::uint64_t reads = 0;
  std::uint64_t found = 0;  // Of those reads.
  std::uint64_t bytes_written = 0;
  double seconds = 0;
  Histogram histogram;
};

// Returns when all threads are done.
LoadFigures RunLoad(Stage& stage, const Load& load);

// Overwrites entries at a fixed rate in a thread of its own, while it exists.
class BackgroundWriter {
 public:
  BackgroundWriter(Stage& stage, std::uint64_t seed);
  // Waits for it.
  ~BackgroundWriter() { thread_.join(); }
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;

  // Ends it. Returns the bytes it wrote.
  std::uint64_t Stop();

 private:
  void Write(std::uint64_t seed);

  Stage& stage_;
  std::atomic<bool> is_over_ = false;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::thread thread_;
};

// Waits until background work is done, by one rule for all engines: for 500 ms the engine, if it
// tells, has none, no other thread of the process is seen running or waiting for a disk, and the
// process uses next to no CPU. Returns when that stretch began.
SteadyClock::time_point AwaitSettled(Engine& engine);

}  // namespace firn::bench
