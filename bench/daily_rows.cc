// SPDX-License-Identifier: Apache-2.0
#include "daily_rows.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "io/posix_descriptor.h"

namespace firn::bench {
namespace {

constexpr double kPartOfHighestRate = 0.8;
constexpr std::chrono::microseconds kDueTick{250};
constexpr std::chrono::milliseconds kProbePause{250};
constexpr std::uint64_t kWaitingInQueue = 1000;
constexpr std::uint64_t kQueueOperationsMax = 20'000;
constexpr std::uint64_t kCursorSteps = 100;
constexpr std::uint64_t kKeptOneIn = 10;
constexpr std::size_t kLogRecordBytes = 12;  // About what a log adds to an entry.

double Micros(SteadyClock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// How long the disk itself takes for a small synced write meanwhile, in a thread of its own.
class DiskProbe {
 public:
  explicit DiskProbe(const std::string& directory)
      : path_(directory + "/disk-probe"), thread_([this] { Run(); }) {}
  ~DiskProbe() {
    is_over_ = true;
    thread_.join();
  }
  DiskProbe(const DiskProbe&) = delete;
  DiskProbe& operator=(const DiskProbe&) = delete;

  double longest_us() const { return longest_us_; }

 private:
  void Run() {
    const posix::Descriptor file(
        ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    const std::string page(4096, 'x');
    while (!is_over_) {
      const auto start = SteadyClock::now();
      if (::pwrite(file.get(), page.data(), page.size(), 0) < 0 || ::fdatasync(file.get()) != 0) {
        return;
      }
      longest_us_ = std::max(longest_us_.load(), Micros(SteadyClock::now() - start));
      std::this_thread::sleep_for(kProbePause);
    }
  }

  const std::string path_;
  std::atomic<bool> is_over_ = false;
  std::atomic<double> longest_us_ = 0;
  std::thread thread_;
};

// Gathers latencies by the second.
class Timeline {
 public:
  void Add(std::chrono::nanoseconds latency) {
    all_.Add(latency);
    second_.Add(latency);
  }
  void EndSecond(std::vector<Second>& seconds) {
    seconds.push_back({.operations = static_cast<double>(second_.count()),
                       .p99_us = Micros(second_.Quantile(0.99)),
                       .max_us = Micros(second_.max())});
    second_ = Histogram();
  }
  const Histogram& all() const { return all_; }

 private:
  Histogram all_;
  Histogram second_;
};

}  // namespace

double DailyRows::SustainableRate() const {
  const auto start = SteadyClock::now();
  const LoadFigures done = RunLoad(
      plan_.stage, {.action = Action::kPut, .operations = plan_.operations, .seed = plan_.seed});
  const auto settled = AwaitSettled(*plan_.stage.engine);
  return static_cast<double>(done.operations) /
         std::chrono::duration<double>(settled - start).count();
}

Row DailyRows::Sustain() const {
  Row row{.name = std::string(plan_.workload.name), .main_figure = "max_us"};
  const double rate = kPartOfHighestRate * SustainableRate();
  WriteOpenLoop(rate, row);
  row.figures["rate_ops_per_second"] = rate;
  row.figures["seconds_without_progress"] = static_cast<double>(std::ranges::count_if(
      row.timeline, [](const Second& second) { return second.operations == 0; }));
  return row;
}

// While it is late it does not sleep; what a stalled operation holds up is late as well. Seconds
// that pass inside one operation count as seconds without progress.
void DailyRows::WriteOpenLoop(double rate, Row& row) const {
  ::prctl(PR_SET_TIMERSLACK, 1);
  Stage& stage = plan_.stage;
  EntryMaker entries(stage.form);
  Random random(plan_.seed + 17);
  Timeline timeline;
  plan_.meter.Start();
  const DiskProbe probe(std::filesystem::path(plan_.options.directory).parent_path());
  const auto start = SteadyClock::now();
  const auto end = start + std::chrono::duration_cast<SteadyClock::duration>(
                               std::chrono::duration<double>(plan_.seconds));
  auto second_end = start + std::chrono::seconds(1);
  std::uint64_t count = 0;
  for (auto due = start; due < end; due += kDueTick) {
    std::this_thread::sleep_until(due);
    const double wanted = rate * std::chrono::duration<double>(due - start).count();
    while (static_cast<double>(count) < wanted) {
      const std::string_view key = entries.Key(random.Below(stage.entries));
      stage.engine->Put(key, entries.Value(++count), false);
      const auto now = SteadyClock::now();
      timeline.Add(now - due);
      for (; now >= second_end && row.timeline.size() < 100'000;
           second_end += std::chrono::seconds(1)) {
        timeline.EndSecond(row.timeline);
      }
    }
  }
  row.figures = plan_.meter.Take(
      {.operations = count, .user_bytes_written = count * stage.form.bytes(), .seconds = -1});
  row.figures["device_sync_max_us"] = probe.longest_us();
  AddQuantiles(timeline.all(), row.figures);
}

Row DailyRows::Queue() const {
  Engine& engine = *plan_.stage.engine;
  EntryMaker entries(plan_.stage.form);
  std::uint64_t next = 0;
  std::uint64_t digest = 0;
  std::string first;
  auto put = [&] {
    const std::string_view key = entries.Key(next);
    engine.Put(key, entries.Value(next++), false);
  };
  while (next < kWaitingInQueue) {
    put();
  }
  const std::uint64_t operations = std::min(plan_.operations, kQueueOperationsMax);
  Histogram histogram;
  plan_.meter.Start();
  for (std::uint64_t i = 0; i < operations; ++i) {
    const auto start = SteadyClock::now();
    put();
    {
      const auto cursor = engine.NewCursor();
      cursor->SeekToFirst();
      first = cursor->Key();
      cursor->ReadForward(1, digest);
    }
    engine.Delete(first);
    histogram.Add(SteadyClock::now() - start);
  }
  Row row{.name = std::string(plan_.workload.name)};
  row.figures = plan_.meter.Take(
      {.operations = operations, .user_bytes_written = operations * plan_.stage.form.bytes()});
  row.figures["found_share"] = first == entries.Key(operations - 1) ? 1 : 0;
  AddQuantiles(histogram, row.figures);
  return row;
}

Row DailyRows::LongCursor() const {
  Stage& stage = plan_.stage;
  auto cursor = stage.engine->NewCursor();
  cursor->SeekToFirst();
  std::uint64_t digest = 0;
  std::uint64_t seen = 0;
  plan_.meter.Start();
  LoadFigures all;
  for (std::uint64_t step = 0; step <= kCursorSteps; ++step) {
    // The end of one stretch of entries is the beginning of the next.
    const std::uint64_t stretch = stage.entries / kCursorSteps;
    const std::uint64_t wanted = step == kCursorSteps ? kToTheEnd : stretch + 1;
    const std::uint64_t read = cursor->ReadForward(wanted, digest);
    seen += read == wanted ? read - 1 : read;
    if (step < kCursorSteps) {
      const LoadFigures done =
          RunLoad(stage, {.action = Action::kPut,
                          .operations = std::max<std::uint64_t>(plan_.operations / kCursorSteps, 1),
                          .is_timed = true,
                          .seed = plan_.seed + step});
      all.operations += done.operations;
      all.bytes_written += done.bytes_written;
      all.histogram.Merge(done.histogram);
    }
  }
  Row row{.name = std::string(plan_.workload.name)};
  row.figures =
      plan_.meter.Take({.operations = all.operations, .user_bytes_written = all.bytes_written});
  AddQuantiles(all.histogram, row.figures);
  const double live = static_cast<double>(stage.entries * stage.form.bytes());
  row.figures["found_share"] = static_cast<double>(seen) / static_cast<double>(stage.entries);
  row.figures["space_amplification"] =
      static_cast<double>(DiskBytes(plan_.options.directory)) / live;
  cursor.reset();
  AwaitSettled(*stage.engine);
  row.figures["space_amplification_released"] =
      static_cast<double>(DiskBytes(plan_.options.directory)) / live;
  return row;
}

Row DailyRows::ThinOut() const {
  Stage& stage = plan_.stage;
  EntryMaker entries(stage.form);
  std::uint64_t deleted = 0;
  Histogram histogram;
  plan_.meter.Start();
  for (std::uint64_t number = 0; number < stage.entries; ++number) {
    if (number % kKeptOneIn != 0) {
      const auto start = SteadyClock::now();
      stage.engine->Delete(entries.Key(number));
      histogram.Add(SteadyClock::now() - start);
      ++deleted;
    }
  }
  Row row{.name = std::string(plan_.workload.name), .main_figure = "space_amplification"};
  row.figures = plan_.meter.Take({.operations = deleted});
  AddQuantiles(histogram, row.figures);
  AwaitSettled(*stage.engine);
  const std::uint64_t kept = (stage.entries + kKeptOneIn - 1) / kKeptOneIn;
  const auto live = static_cast<double>(kept * stage.form.bytes());
  row.figures["space_amplification"] =
      static_cast<double>(DiskBytes(plan_.options.directory)) / live;
  if (stage.engine->CompactAll()) {
    AwaitSettled(*stage.engine);
    row.figures["space_amplification_compacted"] =
        static_cast<double>(DiskBytes(plan_.options.directory)) / live;
  }
  return row;
}

EngineOptions DailyRows::LargeMemtable() const {
  EngineOptions options = plan_.options;
  options.memtable_bytes *= 2;
  return options;
}

// Whose log takes as much as a usual memtable.
std::uint64_t DailyRows::LogEntries() const {
  return std::max<std::uint64_t>(
      plan_.options.memtable_bytes / (plan_.stage.form.bytes() + kLogRecordBytes), 1);
}

void DailyRows::FillLog(std::uint64_t begin, std::uint64_t end) const {
  EntryMaker entries(plan_.stage.form);
  for (std::uint64_t number = begin; number < end; ++number) {
    const std::string_view key = entries.Key(number);
    plan_.stage.engine->Put(key, entries.Value(number), false);
  }
}

Row DailyRows::MeasureOpen(std::uint64_t last) const {
  EntryMaker entries(plan_.stage.form);
  std::uint64_t digest = 0;
  plan_.meter.Start();
  const auto start = SteadyClock::now();
  plan_.stage.engine = plan_.kind.open(LargeMemtable());
  const std::chrono::duration<double, std::milli> until_open = SteadyClock::now() - start;
  const bool found = plan_.stage.engine->Get(entries.Key(last), digest);
  Row row{.name = std::string(plan_.workload.name), .main_figure = "open_ms"};
  row.figures = plan_.meter.Take({.operations = 1});
  row.figures["open_ms"] = row.figures["seconds"] * 1e3;
  row.figures["until_open_ms"] = until_open.count();
  row.figures["found_share"] = found ? 1 : 0;
  return row;
}

Row DailyRows::ReopenKilled() const {
  const std::uint64_t count = LogEntries();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    plan_.stage.engine = plan_.kind.open(LargeMemtable());
    FillLog(0, count);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) {
    Die("the process that was to be killed ended by itself");
  }
  return MeasureOpen(count - 1);
}

Row DailyRows::ReopenClosed() const {
  const std::uint64_t count = LogEntries();
  FillLog(count, count + count / 2);
  plan_.stage.engine.reset();
  return MeasureOpen(count + count / 2 - 1);
}

}  // namespace firn::bench
