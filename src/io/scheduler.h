// SPDX-License-Identifier: Apache-2.0
//
// The seam to threads and waiting. Background work is a task submitted to a lane, never a thread of
// its own making; a thread that has to wait does it here. ThreadScheduler runs each lane on a
// thread; SteppedScheduler (stepped_scheduler.h) runs everything on the calling thread, in an order
// that a seed decides, and executes other tasks whenever somebody waits. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/mutex.h"

namespace firn {

enum class Lane : std::uint8_t {
  kFlush,       // Flushes and level 0: writers wait for it.
  kCompaction,  // Deeper levels: runs at low priority.
  kRaftLog,     // Writes and syncs of a replica's log: acknowledgements wait for it.
  kReplica,     // A replica's own thread: one task for as long as it lives.
  kTransfer,    // Whole stores: checkpoints for other nodes and from them, audits.
  kPrepare,     // Memory that a writer comes to next: a millisecond at most.
};
inline constexpr int kLaneCount = 6;

using TimerId = std::uint64_t;

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Runs `task` once, later, after the tasks submitted to the lane before it.
  virtual void Submit(Lane lane, std::function<void()> task) = 0;

  // Runs `task` every `interval` until cancelled. Ticks that come late are not made up for. Tasks
  // of timers must be short: they share a thread.
  virtual TimerId Every(std::chrono::nanoseconds interval, std::function<void()> task) = 0;
  // After it returns the task does not run and will not run. Not from within the task itself, and
  // not with a mutex held that the task takes.
  virtual void Cancel(TimerId timer) = 0;

  // Returns with `done()` true. `mutex` is held on entry, on return and while `done` runs; whoever
  // makes `done` true notifies `condition`.
  virtual void Wait(Mutex& mutex, ConditionVariable& condition, const std::function<bool()>& done)
      FIRN_REQUIRES(mutex) = 0;
  // The same with a time limit; returns whether `done()` became true.
  virtual bool WaitFor(Mutex& mutex, ConditionVariable& condition, std::chrono::nanoseconds limit,
                       const std::function<bool()>& done) FIRN_REQUIRES(mutex) = 0;

  // Holds the calling thread back for `duration`.
  virtual void Pause(std::chrono::nanoseconds duration) = 0;

  virtual const Clock& clock() const = 0;
};

// Real threads: one for each lane and one for timers, started when first used, ended and joined by
// the destructor after the tasks already submitted have run.
std::shared_ptr<Scheduler> MakeThreadScheduler();

}  // namespace firn
