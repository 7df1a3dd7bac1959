// SPDX-License-Identifier: Apache-2.0
#include "process_figures.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/propagate.h"
#include "histogram.h"
#include "io/posix_descriptor.h"

namespace firn::bench {
namespace {

Result<std::string> ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return posix::SystemError("read", path, errno);
  }
  return text.str();
}

// The number behind "name:", 0 when there is none.
std::uint64_t Field(const std::string& text, const std::string& name) {
  const std::size_t at = ("\n" + text).find("\n" + name + ":");
  return at == std::string::npos ? 0
                                 : std::strtoull(text.c_str() + at + name.size() + 1, nullptr, 10);
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Result<Histogram> SyncRepeatedly(int file, int writes) {
  constexpr std::size_t kPage = 4096;
  std::vector<char> page(kPage, 'x');
  Histogram histogram;
  for (int i = -writes / 10; i < writes; ++i) {  // The first ones warm up.
    page[0] = static_cast<char>(i);
    const auto begin = std::chrono::steady_clock::now();
    if (::pwrite(file, page.data(), kPage, static_cast<off_t>(kPage) * (i & 255)) != kPage ||
        ::fdatasync(file) != 0) {
      return posix::SystemError("write and sync a page of", "the sync probe", errno);
    }
    if (i >= 0) {
      histogram.Add(std::chrono::steady_clock::now() - begin);
    }
  }
  return histogram;
}

}  // namespace

// The fields of stat are counted behind the name, which may hold blanks and brackets.
Result<ProcessFigures> ReadProcess(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  FIRN_TRY_ASSIGN(const std::string stat, ReadAll(folder + "/stat"));
  FIRN_TRY_ASSIGN(const std::string status, ReadAll(folder + "/status"));
  FIRN_TRY_ASSIGN(const std::string io, ReadAll(folder + "/io"));
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string skipped;
  for (int i = 0; i < 11; ++i) {
    fields >> skipped;
  }
  std::uint64_t user = 0;
  std::uint64_t kernel = 0;
  fields >> user >> kernel;
  return ProcessFigures{
      .cpu_seconds = static_cast<double>(user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK)),
      .resident_bytes = Field(status, "VmRSS") << 10,
      .resident_peak_bytes = Field(status, "VmHWM") << 10,
      .written_bytes = Field(io, "write_bytes")};
}

void ForgetPeak(pid_t process) {
  std::ofstream("/proc/" + std::to_string(process) + "/clear_refs") << "5\n";
}

double OwnCpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

Result<SyncLatency> MeasureSync(const std::string& directory, int writes) {
  const std::string path = directory + "/sync-probe";
  const posix::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const std::vector<char> blank(std::size_t{1} << 20);
  if (!file.valid() || ::pwrite(file.get(), blank.data(), blank.size(), 0) < 0 ||
      ::fdatasync(file.get()) != 0) {
    return posix::SystemError("make", path, errno);
  }
  const Result<Histogram> histogram = SyncRepeatedly(file.get(), writes);
  ::unlink(path.c_str());
  if (!histogram) {
    return histogram.error();
  }
  return SyncLatency{.median = histogram->Quantile(0.5), .p99 = histogram->Quantile(0.99)};
}

std::string MachineName() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    if (line.starts_with("model name")) {
      return std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " x" + line.substr(line.find(':') + 1);
    }
  }
  return "unknown";
}

std::string FileSystemOf(const std::string& directory) {
  struct statfs found{};
  if (::statfs(directory.c_str(), &found) != 0) {
    return "unknown";
  }
  switch (found.f_type) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x01021994: return "tmpfs";
    case 0x794C7630: return "overlay";
    default: break;
  }
  char text[32];
  std::snprintf(text, sizeof text, "0x%lX", static_cast<unsigned long>(found.f_type));
  return text;
}

}  // namespace firn::bench
