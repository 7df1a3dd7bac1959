// SPDX-License-Identifier: Apache-2.0
#include "runner.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "cluster/process_figures.h"
#include "daily_rows.h"
#include "io/posix_descriptor.h"

namespace firn::bench {
namespace {

constexpr std::uint64_t kTimedPart = 5;  // One read in so many again, timed.
constexpr std::uint64_t kTimedMin = 1000;
constexpr std::uint64_t kWarmUpPart = 4;
constexpr std::uint64_t kTimedSeed = 1'000;
constexpr std::uint64_t kWarmUpSeed = 2'000;
constexpr std::uint64_t kWriterSeed = 3'000;

std::uint64_t Scaled(std::uint64_t count, double share) {
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(static_cast<double>(count) * share), 1);
}

// What was deleted is still being given back to the disk, and who was fast has more of that in the
// way of what comes next.
void SettleDisk(const std::string& directory) {
  const posix::Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.valid() || ::syncfs(descriptor.get()) != 0) {
    Die("cannot sync " + directory);
  }
}

bool IsSweep(Action action) { return action == Action::kSweep || action == Action::kSweepBack; }

}  // namespace

Runner::Runner(const Job& job, RowSink sink)
    : job_(job), sink_(std::move(sink)), options_(job.options), meter_(job.options.directory) {
  options_.directory += "/database";
  stage_.form = job.form;
  stage_.entries = job.entries;
  stage_.threads = job.threads;
  NanosecondsPerTick();
}

void Runner::Run() {
  for (const Workload& workload : job_.family->workloads) {
    RunOne(workload);
  }
  stage_.engine.reset();
}

void Runner::RunOne(const Workload& workload) {
  stage_.form = job_.form;
  stage_.entries = job_.entries;
  if (workload.value_bytes > 0) {
    stage_.form.value_bytes = workload.value_bytes;
    stage_.entries = Scaled(job_.entries, workload.share);
  }
  sink_.begin(std::string(workload.name));
  if (workload.fresh) {
    OpenFresh();
  }
  const DailyRows daily({.workload = workload,
                         .stage = stage_,
                         .meter = meter_,
                         .kind = *job_.engine,
                         .options = options_,
                         .operations = LoadOf(workload).operations,
                         .seconds = job_.sustained_seconds,
                         .seed = job_.seed});
  using enum Action;
  switch (workload.action) {
    case kCompact: return RunCompact(workload);
    case kSustain: return sink_.end(daily.Sustain());
    case kQueue: return sink_.end(daily.Queue());
    case kLongCursor: return sink_.end(daily.LongCursor());
    case kThinOut: return sink_.end(daily.ThinOut());
    case kReopenKilled: return sink_.end(daily.ReopenKilled());
    case kReopenClosed: return sink_.end(daily.ReopenClosed());
    default: return IsWriting(workload.action) ? RunWriting(workload) : RunReading(workload);
  }
}

void Runner::OpenFresh() {
  stage_.engine.reset();
  std::filesystem::remove_all(options_.directory);
  SettleDisk(job_.options.directory);
  stage_.numbers = 0;
  stage_.engine = job_.engine->open(options_);
}

Load Runner::LoadOf(const Workload& workload) const {
  std::uint64_t operations = stage_.entries;
  switch (workload.operations) {
    case Operations::kOfEntries:
      operations = workload.value_bytes > 0 ? stage_.entries : Scaled(job_.entries, workload.share);
      break;
    case Operations::kOfReads: operations = Scaled(job_.reads, workload.share); break;
    case Operations::kOfSyncs: operations = Scaled(job_.syncs, workload.share); break;
  }
  return {
      .action = workload.action,
      .order = workload.order,
      .operations = std::max<std::uint64_t>(operations, stage_.threads),
      .each = workload.each,
      .mix = workload.mix,
      .seed = job_.seed + static_cast<std::uint64_t>(&workload - job_.family->workloads.data())};
}

void Runner::RunWriting(const Workload& workload) {
  Load load = LoadOf(workload);
  load.is_timed = true;
  if (workload.action == Action::kMix && is_cold_) {
    WarmUp(load);
  }
  std::optional<SyncLatency> raw;
  if (workload.action == Action::kPutSynced) {
    if (const auto measured = MeasureSync(job_.options.directory, static_cast<int>(job_.syncs));
        measured) {
      raw = *measured;
    }
  }
  meter_.Start();
  const LoadFigures done = RunLoad(stage_, load);
  Figures figures = meter_.Take({.operations = done.operations,
                                 .user_bytes_written = done.bytes_written,
                                 .seconds = done.seconds});
  AddQuantiles(done.histogram, figures);
  const bool puts_all = workload.action == Action::kPut && workload.fresh;
  if (puts_all) {
    stage_.numbers = stage_.entries;
  }
  const bool knows_live = workload.action == Action::kPut || workload.action == Action::kMix;
  if (knows_live) {
    AddSpace(figures);
  }
  if (done.reads > 0) {
    figures["found_share"] = static_cast<double>(done.found) / static_cast<double>(done.reads);
  }
  const bool has_own_row =
      workload.settling == Settling::kLeaves || workload.settling == Settling::kReports;
  if (has_own_row) {
    Emit(std::string(workload.name), figures);
  }
  if (raw) {
    const double raw_us = static_cast<double>(raw->median.count()) / 1e3;
    sink_.end(Row{.name = std::string(workload.name) + " over a raw loop",
                  .main_figure = "over_raw_loop",
                  .figures = {{"over_raw_loop", figures.at("p50_us") / raw_us},
                              {"raw_sync_p50_us", raw_us}}});
  }
  is_cold_ = workload.settling != Settling::kLeaves;
  if (workload.settling == Settling::kLeaves) {
    return;
  }
  const auto settled = AwaitSettled(*stage_.engine) - meter_.started();
  Figures all = meter_.Take({.operations = done.operations,
                             .user_bytes_written = done.bytes_written,
                             .seconds = std::chrono::duration<double>(settled).count()});
  if (knows_live) {
    AddSpace(all);
  }
  if (workload.settling == Settling::kReports) {
    Emit(std::string(workload.name) + " settled", std::move(all));
  } else if (workload.settling == Settling::kIncludes) {
    AddQuantiles(done.histogram, all);
    Emit(std::string(workload.name), std::move(all));
  }
}

void Runner::RunReading(const Workload& workload) {
  Load load = LoadOf(workload);
  if (is_cold_) {
    WarmUp(load);
  }
  std::optional<BackgroundWriter> writer;
  if (workload.with_writer) {
    writer.emplace(stage_, job_.seed + kWriterSeed);
  }
  meter_.Start();
  const LoadFigures done = RunLoad(stage_, load);
  Figures figures = meter_.Take({.operations = done.operations, .seconds = done.seconds});
  if (done.reads > 0) {
    figures["found_share"] = static_cast<double>(done.found) / static_cast<double>(done.reads);
  }
  if (!IsSweep(workload.action)) {
    load.operations = std::max(load.operations / kTimedPart, std::min(load.operations, kTimedMin));
    load.seed += kTimedSeed;
    load.is_timed = true;
    AddQuantiles(RunLoad(stage_, load).histogram, figures);
  }
  if (writer) {
    figures["written_by_writer_mib"] = static_cast<double>(writer->Stop()) / (1 << 20);
  }
  Emit(std::string(workload.name), std::move(figures));
}

void Runner::RunCompact(const Workload& workload) {
  meter_.Start();
  if (!stage_.engine->CompactAll()) {
    return;
  }
  Figures figures = meter_.Take({.operations = stage_.entries, .user_bytes_written = LiveBytes()});
  AwaitSettled(*stage_.engine);  // What was replaced may be deleted a moment later.
  AddSpace(figures);
  is_cold_ = true;
  Emit(std::string(workload.name), std::move(figures));
}

// Brings every block into the cache; or, where they do not fit, those that the row asks for most.
void Runner::WarmUp(const Load& load) {
  Load warm = load;
  warm.action = Action::kSweep;
  if (job_.family->larger_than_memory) {
    warm.action = IsWriting(load.action) ? Action::kGet : load.action;
    warm.operations = std::max<std::uint64_t>(load.operations / kWarmUpPart, stage_.threads);
    warm.seed = load.seed + kWarmUpSeed;
  }
  const unsigned threads = stage_.threads;
  stage_.threads = 1;
  RunLoad(stage_, warm);
  stage_.threads = threads;
  is_cold_ = job_.family->larger_than_memory;
}

void Runner::AddSpace(Figures& figures) const {
  const auto live = static_cast<double>(LiveBytes());
  if (live > 0) {
    figures["space_amplification"] = static_cast<double>(DiskBytes(options_.directory)) / live;
  }
}

void Runner::Emit(std::string name, Figures figures) const {
  sink_.end(Row{.name = std::move(name), .figures = std::move(figures)});
}

}  // namespace firn::bench
