// SPDX-License-Identifier: Apache-2.0
//
// The rows of the benchmark, after LevelDB's db_bench: 16-digit decimal keys, values cut from
// incompressible bytes, a fixed seed for each row.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine.h"

namespace firn::bench {

struct Setup {
  std::uint64_t entries = 5'000'000;
  std::size_t value_bytes = 100;
  std::uint64_t sync_entries = 5'000;
  std::uint64_t reads = 1'000'000;
  EngineOptions engine;
};

// One measured row: microseconds for each operation, in all and by background work left behind.
struct Row {
  std::string name;
  std::uint64_t operations = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // Of the process, background threads included.

  double micros() const { return seconds * 1e6 / static_cast<double>(operations); }
};

using OpenEngine = std::function<std::unique_ptr<Engine>(const EngineOptions&)>;

// Runs all rows on fresh directories below setup.engine.directory, in a fixed order, and reports
// each as it is done.
void RunRows(const Setup& setup, const OpenEngine& open,
             const std::function<void(const Row&)>& report);

}  // namespace firn::bench
