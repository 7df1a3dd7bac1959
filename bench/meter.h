// SPDX-License-Identifier: Apache-2.0
//
// What a stretch of work cost the process and the disk: the difference of two looks at the system's
// counters, taken in the same way for every engine. Background threads are included.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cluster/histogram.h"
#include "stopwatch.h"

namespace firn::bench {

// By name, with the unit last: see Meter and Row.
using Figures = std::map<std::string, double>;

// One second of a row that is reported over time.
struct Second {
  double operations = 0;
  double p99_us = 0;
  double max_us = 0;
};

struct Row {
  std::string name;
  std::string main_figure = "us_per_op";  // What rows are compared by; less is better.
  Figures figures{};
  std::vector<Second> timeline{};
};

class Meter {
 public:
  // Of a database in this directory, which is on a disk whose reads are counted if it has counters.
  explicit Meter(const std::string& directory);

  SteadyClock::time_point started() const { return start_.time; }
  // Begins anew, also the peak of resident memory.
  void Start();

  struct Work {
    std::uint64_t operations = 0;
    std::uint64_t user_bytes_written = 0;
    double seconds = -1;  // Negative: since Start.
  };
  // seconds, operations, ops_per_second, us_per_op, cpu_us_per_op (of all threads), written_mib and
  // write_amplification (of bytes sent to the disk, whole pages), device_reads_per_op (of all that
  // use the disk), read_bytes_per_op (from the disk, by this process), rss_mib, rss_peak_mib.
  Figures Take(const Work& work) const;

 private:
  struct Counters {
    SteadyClock::time_point time;
    double cpu_seconds = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t read_bytes = 0;
    std::uint64_t device_reads = 0;
    double resident_bytes = 0;
    double resident_peak_bytes = 0;
  };
  Counters Look() const;

  std::string device_counters_;  // A path; empty when there is none.
  Counters start_;
};

// p50_us, p99_us, p999_us, max_us.
void AddQuantiles(const Histogram& histogram, Figures& figures);

// That the files below hold on the disk.
std::uint64_t DiskBytes(const std::string& directory);

// Whether threads of this process, this one aside, run or wait for a disk.
bool HasBusyThreads();

}  // namespace firn::bench
