// SPDX-License-Identifier: Apache-2.0
//
// What the system says of a process, and what the disk beside it can do.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "firn/result.h"

namespace firn::bench {

struct ProcessFigures {
  double cpu_seconds = 0;  // In user and in kernel mode, by the hundredth.
  std::uint64_t resident_bytes = 0;
  std::uint64_t resident_peak_bytes = 0;
  std::uint64_t written_bytes = 0;  // Sent to the disk, whole pages.
};

// kIo when it has ended or is another user's.
Result<ProcessFigures> ReadProcess(pid_t process);
// Its peak begins anew from what it holds now.
void ForgetPeak(pid_t process);
// Of this process, all threads.
double OwnCpuSeconds();

struct SyncLatency {
  std::chrono::nanoseconds median{0};
  std::chrono::nanoseconds p99{0};
};
// Of a 4 KiB write and fdatasync, one after the other, within a file in `directory` that has its
// size already and is removed afterwards. kIo.
Result<SyncLatency> MeasureSync(const std::string& directory, int writes);

// "2 x Intel Xeon …": the processors' number and name.
std::string MachineName();
// What holds the directory: "ext4", "xfs", "tmpfs", …; its number in hexadecimal when unknown.
std::string FileSystemOf(const std::string& directory);

}  // namespace firn::bench
