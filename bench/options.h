// SPDX-License-Identifier: Apache-2.0
//
// The command line of firn bench, and the jobs that it stands for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firn/result.h"
#include "runner.h"

namespace firn::bench {

struct SetForm {
  std::uint64_t entries = 5'000'000;
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 100;

  // "5000000x16+100", as it is written on the command line.
  std::string Name() const;
};

struct BenchOptions {
  std::vector<std::string> engines;  // In the order in which they take turns.
  std::vector<std::string> families;
  std::vector<SetForm> sets;
  std::vector<unsigned> threads;
  int repeats = 5;
  std::uint64_t reads = 1'000'000;
  std::uint64_t syncs = 5'000;
  double sustained_minutes = 1;
  std::uint64_t seed = 1;
  EngineOptions engine;
  bool is_short = false;
  bool grows = false;
  bool is_larger_than_memory = false;
  std::uint64_t memory_limit_bytes = 0;  // 0: none.
  std::string data;                      // Where the directory of the run is made.
  std::vector<std::string> add;          // Files of earlier runs.
  std::string json;
  std::string html;
  std::string markdown;
  // Set in the processes that the bench starts: which job, and where.
  int job = -1;
  std::string job_directory;
};

struct ParsedBenchOptions {
  BenchOptions options;
  std::string help;  // Not empty: print this and do nothing.
};

// kInvalidArgument says what to write instead.
Result<ParsedBenchOptions> ParseBenchOptions(const std::vector<std::string>& arguments);

// One process each. The same options make the same jobs in the same order: repeats outermost,
// engines innermost, so that they take turns.
struct PlannedJob {
  int repeat = 1;
  std::string set;
  Job job{};
};
std::vector<PlannedJob> PlanJobs(const BenchOptions& options);

}  // namespace firn::bench
