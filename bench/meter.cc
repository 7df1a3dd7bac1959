// SPDX-License-Identifier: Apache-2.0
#include "meter.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cluster/process_figures.h"

namespace firn::bench {
namespace {

constexpr double kBytesInMebibyte = 1 << 20;
constexpr std::uint64_t kSectorBytes = 512;
constexpr double kMicro = 1e6;

std::string CountersOfDevice(const std::string& directory) {
  struct stat found{};
  if (::stat(directory.c_str(), &found) != 0) {
    return "";
  }
  std::string path = "/sys/dev/block/" + std::to_string(major(found.st_dev)) + ":" +
                     std::to_string(minor(found.st_dev)) + "/stat";
  return ::access(path.c_str(), R_OK) == 0 ? path : "";
}

}  // namespace

Meter::Meter(const std::string& directory) : device_counters_(CountersOfDevice(directory)) {
  Start();
}

void Meter::Start() {
  ForgetPeak(::getpid());
  start_ = Look();
  start_.cpu_seconds = OwnCpuSeconds();
  start_.time = SteadyClock::now();
}

// Time comes first, since the other looks take some.
Meter::Counters Meter::Look() const {
  Counters counters;
  counters.time = SteadyClock::now();
  counters.cpu_seconds = OwnCpuSeconds();
  if (const auto process = ReadProcess(::getpid()); process) {
    counters.written_bytes = process->written_bytes;
    counters.resident_bytes = static_cast<double>(process->resident_bytes);
    counters.resident_peak_bytes = static_cast<double>(process->resident_peak_bytes);
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  counters.read_bytes = static_cast<std::uint64_t>(usage.ru_inblock) * kSectorBytes;
  if (!device_counters_.empty()) {
    std::ifstream(device_counters_) >> counters.device_reads;
  }
  return counters;
}

Figures Meter::Take(const Work& work) const {
  const Counters now = Look();
  const auto operations = static_cast<double>(work.operations);
  const double seconds = work.seconds >= 0
                             ? work.seconds
                             : std::chrono::duration<double>(now.time - start_.time).count();
  const auto written = static_cast<double>(now.written_bytes - start_.written_bytes);
  Figures figures = {
      {"operations", operations},
      {"seconds", seconds},
      {"written_mib", written / kBytesInMebibyte},
      {"rss_mib", now.resident_bytes / kBytesInMebibyte},
      {"rss_peak_mib", now.resident_peak_bytes / kBytesInMebibyte},
  };
  if (work.operations > 0) {
    figures["ops_per_second"] = operations / seconds;
    figures["us_per_op"] = seconds * kMicro / operations;
    figures["cpu_us_per_op"] = (now.cpu_seconds - start_.cpu_seconds) * kMicro / operations;
    figures["read_bytes_per_op"] =
        static_cast<double>(now.read_bytes - start_.read_bytes) / operations;
    if (!device_counters_.empty()) {
      figures["device_reads_per_op"] =
          static_cast<double>(now.device_reads - start_.device_reads) / operations;
    }
  }
  if (work.user_bytes_written > 0) {
    figures["write_amplification"] = written / static_cast<double>(work.user_bytes_written);
  }
  return figures;
}

void AddQuantiles(const Histogram& histogram, Figures& figures) {
  auto micros = [](std::chrono::nanoseconds time) {
    return static_cast<double>(time.count()) / 1e3;
  };
  figures["p50_us"] = micros(histogram.Quantile(0.5));
  figures["p99_us"] = micros(histogram.Quantile(0.99));
  figures["p999_us"] = micros(histogram.Quantile(0.999));
  figures["max_us"] = micros(histogram.max());
}

// Files come and go meanwhile.
std::uint64_t DiskBytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator entry(directory, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    struct stat found{};
    if (::stat(entry->path().c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
      bytes += static_cast<std::uint64_t>(found.st_blocks) * kSectorBytes;
    }
  }
  return bytes;
}

bool HasBusyThreads() {
  const std::string own = std::to_string(::gettid());
  std::error_code failed;
  for (std::filesystem::directory_iterator entry("/proc/self/task", failed), end;
       !failed && entry != end; entry.increment(failed)) {
    if (entry->path().filename() == own) {
      continue;
    }
    std::string line;
    std::getline(std::ifstream(entry->path() / "stat"), line);
    const std::size_t name_end = line.rfind(')');
    if (name_end != std::string::npos && name_end + 2 < line.size() &&
        (line[name_end + 2] == 'R' || line[name_end + 2] == 'D')) {
      return true;
    }
  }
  return false;
}

}  // namespace firn::bench
