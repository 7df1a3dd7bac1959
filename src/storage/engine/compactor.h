// SPDX-License-Identifier: Apache-2.0
//
// Runs compactions: picks jobs after every flush and every compaction, one at a time on each lane
// (level 0 with the flushes, deeper levels at low priority), and runs those that a caller asks for.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "firn/result.h"
#include "firn/statistics.h"
#include "storage/compaction/picker.h"
#include "storage/engine/flusher.h"
#include "storage/engine/installer.h"
#include "storage/engine/parts.h"

namespace firn {

class Compactor {
 public:
  Compactor(EngineParts& parts, Installer& installer, Flusher& flusher)
      : parts_(parts), installer_(installer), flusher_(flusher) {}

  using Planner = std::function<std::optional<CompactionPlan>(const Version&)>;

  // The tree has changed: start what is due in the background.
  void Kick();

  // Whether anybody writes at the moment. While nobody does, more is due.
  void SetIdle(bool idle);

  // Waits until no background job runs, then runs what `plan` makes of the current version on this
  // thread. kCorruption of an input, kNoSpace, kIo, kReadOnly, kClosed.
  Result<CompactionResult> Run(const Planner& plan);

  // Jobs that run, wait for their lane, or are due.
  std::uint64_t pending() const;

  // Makes running jobs end at their next pause and waits for them; starts no more.
  void Stop();

 private:
  void RunLane(Lane lane);
  std::optional<CompactionPlan> TakePlan(Lane lane);
  void PutBack(const std::vector<TableNumber>& inputs);
  Result<CompactionResult> RunPlan(CompactionPlan plan, Lane lane);
  void DeleteInputs();
  Result<CompactionResult> Move(const CompactionPlan& plan);
  Result<CompactionResult> Merge(CompactionPlan plan, Lane lane);
  Result<void> InstallPart(VersionEdit part, SequenceNumber oldest_readable);
  Result<void> Pause(Lane lane);
  Result<void> CheckRoom(const CompactionPlan& plan) const;
  std::optional<CompactionPlan> Pick(Lane lane) const FIRN_REQUIRES(mutex_);
  bool IsDue(Lane lane) const FIRN_REQUIRES(mutex_) { return Pick(lane).has_value(); }
  bool MayStart(Lane lane) const FIRN_REQUIRES(mutex_);  // It is due, and did not fail lately.

  EngineParts& parts_;
  Installer& installer_;
  Flusher& flusher_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  BusyTables busy_ FIRN_GUARDED_BY(mutex_);
  bool scheduled_[kLaneCount] FIRN_GUARDED_BY(mutex_) = {};
  int manual_ FIRN_GUARDED_BY(mutex_) = 0;  // Callers that want or have the tree to themselves.
  bool manual_runs_ FIRN_GUARDED_BY(mutex_) = false;
  bool stopped_ FIRN_GUARDED_BY(mutex_) = false;
  bool idle_ FIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace firn
