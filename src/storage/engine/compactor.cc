// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/compactor.h"

#include <utility>

#include "base/epoch.h"
#include "base/propagate.h"
#include "storage/compaction/job.h"
#include "storage/engine/memory_budget.h"

namespace firn {
namespace {

std::vector<TableNumber> NumbersOf(const CompactionPlan& plan) {
  std::vector<TableNumber> numbers;
  for (const CompactionInput& input : plan.inputs) {
    for (const auto& table : input.tables) {
      numbers.push_back(table->meta().name.number);
    }
  }
  return numbers;
}

}  // namespace

void Compactor::Kick() {
  if (!parts_.options.auto_compaction || parts_.health.stopped()) {
    return;
  }
  for (Lane lane : {Lane::kFlush, Lane::kCompaction}) {
    {
      MutexLock lock(mutex_);
      bool& scheduled = scheduled_[static_cast<int>(lane)];
      if (scheduled || stopped_ || manual_ > 0 || !MayStart(lane)) {
        continue;
      }
      scheduled = true;
    }
    parts_.environment.scheduler->Submit(lane, [this, lane] { RunLane(lane); });
  }
}

void Compactor::SetIdle(bool idle) {
  {
    MutexLock lock(mutex_);
    idle_ = idle && parts_.options.compact_when_idle;
  }
  Kick();
}

std::optional<CompactionPlan> Compactor::Pick(Lane lane) const {
  const std::shared_ptr<const Version> version = parts_.view->Get()->version;
  const bool is_deep = lane != Lane::kFlush;
  auto due = is_deep ? PickDeep(*version, parts_.limits, busy_)
                     : PickLevel0(*version, parts_.limits, busy_);
  if (due || !idle_) {
    return due;
  }
  return is_deep ? PickIdleDeep(*version, busy_) : PickIdleLevel0(*version, parts_.limits, busy_);
}

bool Compactor::MayStart(Lane lane) const {
  return parts_.compaction_backoff[static_cast<std::size_t>(lane)].IsDue(parts_.Now()) &&
         IsDue(lane);
}

void Compactor::RunLane(Lane lane) {
  bool succeeded = true;
  if (std::optional<CompactionPlan> plan = TakePlan(lane)) {
    const std::vector<TableNumber> inputs = NumbersOf(*plan);
    const Result<CompactionResult> result = RunPlan(*std::exchange(plan, std::nullopt), lane);
    succeeded = result.has_value();
    // Want of space and damage found in an input pass or stay with the table: only kIo ends
    // writing.
    if (!succeeded && result.error().code == ErrorCode::kIo) {
      parts_.health.Stop(result.error());
    }
    Backoff& backoff = parts_.compaction_backoff[static_cast<std::size_t>(lane)];
    if (succeeded) {
      backoff.NoteSuccess();
    } else if (result.error().code == ErrorCode::kNoSpace) {
      backoff.NoteFailure(parts_.Now(), parts_.FreeBytes());
    }
    PutBack(inputs);
  }
  DeleteInputs();
  Kick();  // What this job made may be due on the other lane.
  {
    // The lane counts as scheduled until here: afterwards Stop may return and this object end.
    MutexLock lock(mutex_);
    if (!succeeded || stopped_ || manual_ > 0 || !IsDue(lane)) {
      scheduled_[static_cast<int>(lane)] = false;
      changed_.NotifyAll();
      return;
    }
  }
  // Behind the flushes that have gathered meanwhile.
  parts_.environment.scheduler->Submit(lane, [this, lane] { RunLane(lane); });
}

std::optional<CompactionPlan> Compactor::TakePlan(Lane lane) {
  MutexLock lock(mutex_);
  if (stopped_ || manual_ > 0) {
    return std::nullopt;
  }
  auto plan = Pick(lane);
  if (plan) {
    const std::vector<TableNumber> inputs = NumbersOf(*plan);
    busy_.insert(inputs.begin(), inputs.end());
  }
  return plan;
}

void Compactor::PutBack(const std::vector<TableNumber>& inputs) {
  MutexLock lock(mutex_);
  for (const TableNumber number : inputs) {
    busy_.erase(number);
  }
}

Result<CompactionResult> Compactor::RunPlan(CompactionPlan plan, Lane lane) {
  FIRN_TRY(parts_.health.CheckWritable());
  FIRN_TRY_ASSIGN(CompactionResult result,
                  plan.trivial_move ? Move(plan) : Merge(std::move(plan), lane));
  BackgroundCounters& counters = parts_.background_counters;
  Add(counters.compactions, 1);
  Add(counters.compaction_bytes_read, result.bytes_read);
  Add(counters.compaction_bytes_written, result.bytes_written);
  Add(counters.compaction_entries_dropped, result.entries_dropped);
  return result;
}

// The plan has let go of them, and the View before as soon as no read is in it. Whoever reads on
// notes them later, for the next compaction or the next tick.
void Compactor::DeleteInputs() {
  CollectEpochs();
  if (Result<void> deleted = parts_.tables->DeleteNoted(); !deleted) {
    parts_.health.NoteFailure(deleted.error());
  }
}

Result<CompactionResult> Compactor::Move(const CompactionPlan& plan) {
  Installer::Change change;
  CompactionResult result;
  for (const CompactionInput& input : plan.inputs) {
    for (const auto& table : input.tables) {
      change.edit.removed.push_back({.level = input.level, .table = table->meta().name});
      change.edit.added.push_back({.level = plan.target_level, .table = table->meta()});
      ++result.tables_moved;
    }
  }
  FIRN_TRY(installer_.Install(change));
  return result;
}

Result<CompactionResult> Compactor::Merge(CompactionPlan plan, Lane lane) {
  FIRN_TRY(CheckRoom(plan));
  const auto start = parts_.Now();
  const std::vector<SequenceNumber> readers = parts_.snapshots.Readers();
  // Not the View: it would keep the memtables of now for as long as the merge takes.
  CompactionSetup setup{
      .output = parts_.output_setup(),
      .directory = parts_.directory,
      .version = parts_.view->Get()->version,
      .readers = readers,
      .read_memory_bytes = MergeReadBytes(parts_.options),
      .filter_memory_bytes = MergeFilterBytes(parts_.options),
      .pause = [this, lane] { return Pause(lane); },
      .install = [this, oldest = readers.back()](
                     VersionEdit part) { return InstallPart(std::move(part), oldest); }};
  FIRN_TRY_ASSIGN(CompactionOutcome outcome, RunCompaction(std::move(plan), std::move(setup)));
  FIRN_TRY(installer_.Install({.edit = std::move(outcome.edit),
                               .drops_oldest_frozen = false,
                               .oldest_readable = readers.back()}));
  parts_.controller.NoteMerged(lane == Lane::kFlush ? DelayCause::kLevel0 : DelayCause::kDebt,
                               {.bytes_read = outcome.result.bytes_read,
                                .bytes_written = outcome.result.bytes_written,
                                .took = parts_.Now() - start});
  return outcome.result;
}

// Its inputs may go, and its outputs further down.
Result<void> Compactor::InstallPart(VersionEdit part, SequenceNumber oldest_readable) {
  FIRN_TRY(installer_.Install(
      {.edit = std::move(part), .drops_oldest_frozen = false, .oldest_readable = oldest_readable}));
  DeleteInputs();
  Kick();
  return {};
}

Result<void> Compactor::Pause(Lane lane) {
  if (parts_.closing.load(std::memory_order_relaxed)) {
    return Error{ErrorCode::kClosed, "the database was closed while it compacted"};
  }
  if (lane == Lane::kFlush && flusher_.HasPending()) {
    flusher_.FlushPending();  // Writers wait for flushes, which would otherwise queue behind us.
  }
  return parts_.health.CheckWritable();
}

Result<void> Compactor::CheckRoom(const CompactionPlan& plan) const {
  FIRN_TRY_ASSIGN(const std::uint64_t free, parts_.environment.files->FreeBytes(parts_.directory));
  const std::uint64_t need = plan.input_bytes();
  if (free >= need) {
    return {};
  }
  return Error{ErrorCode::kNoSpace, parts_.directory + ": a compaction needs " +
                                        std::to_string(need) + " bytes, " + std::to_string(free) +
                                        " are free"};
}

Result<CompactionResult> Compactor::Run(const Planner& plan) {
  {
    MutexLock lock(mutex_);
    ++manual_;
    parts_.environment.scheduler->Wait(mutex_, changed_, [this]() FIRN_REQUIRES(mutex_) {
      return stopped_ || (!manual_runs_ && !scheduled_[0] && !scheduled_[1]);
    });
    if (stopped_) {
      --manual_;
      return Error{ErrorCode::kClosed, "the database was closed"};
    }
    manual_runs_ = true;
  }
  Result<CompactionResult> result = CompactionResult{};
  // On the caller's thread, and as the compaction lane: the flush lane stays free for flushes.
  if (auto planned = plan(*parts_.view->Get()->version)) {
    result = RunPlan(*std::exchange(planned, std::nullopt), Lane::kCompaction);
  }
  DeleteInputs();
  {
    MutexLock lock(mutex_);
    --manual_;
    manual_runs_ = false;
    changed_.NotifyAll();
  }
  Kick();
  return result;
}

std::uint64_t Compactor::pending() const {
  MutexLock lock(mutex_);
  const bool level0 = scheduled_[0] || IsDue(Lane::kFlush);
  const bool deep = scheduled_[1] || IsDue(Lane::kCompaction);
  return (level0 ? 1u : 0u) + (deep ? 1u : 0u) + (manual_runs_ ? 1u : 0u);
}

void Compactor::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
  parts_.environment.scheduler->Wait(mutex_, changed_, [this]() FIRN_REQUIRES(mutex_) {
    return !manual_runs_ && !scheduled_[0] && !scheduled_[1];
  });
}

}  // namespace firn
