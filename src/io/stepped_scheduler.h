// SPDX-License-Identifier: Apache-2.0
//
// A scheduler without threads and without time of its own, for tests: everything runs on the
// calling thread when it is asked to, or when somebody waits. The seed decides which lane goes
// next, so the same seed gives the same run. As with threads, a lane runs one task at a time and in
// order: while a task waits, other lanes go on, its own does not.
//
// A wait that nothing can end is a bug of the code under test and aborts. One thread only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "base/random.h"
#include "io/scheduler.h"

namespace firn {

class SteppedScheduler final : public Scheduler {
 public:
  explicit SteppedScheduler(std::uint64_t seed) : random_(seed) {}
  ~SteppedScheduler() override;  // Runs the tasks already submitted.

  // Runs one task; false when none can run.
  bool RunOne();
  void RunUntilIdle();
  // Moves the time on, firing the timers that come due at their moments.
  void Advance(std::chrono::nanoseconds duration);
  std::size_t pending() const;

  void Submit(Lane lane, std::function<void()> task) override;
  TimerId Every(std::chrono::nanoseconds interval, std::function<void()> task) override;
  void Cancel(TimerId timer) override;
  // Runs tasks, and when none can run moves on to the next timer.
  void Wait(Mutex& mutex, ConditionVariable& condition, const std::function<bool()>& done) override
      FIRN_REQUIRES(mutex);
  bool WaitFor(Mutex& mutex, ConditionVariable& condition, std::chrono::nanoseconds limit,
               const std::function<bool()>& done) override FIRN_REQUIRES(mutex);
  // Runs one task if there is one, then advances.
  void Pause(std::chrono::nanoseconds duration) override;
  const Clock& clock() const override { return clock_; }

 private:
  struct LaneState {
    std::deque<std::function<void()>> tasks;
    bool running = false;
  };
  struct Timer {
    std::chrono::nanoseconds interval;
    std::chrono::nanoseconds due;
    std::function<void()> task;
  };

  // Fires the next timer, moving the time to it; false when none is due by `limit`.
  bool FireNextTimer(std::chrono::nanoseconds limit);
  void MoveTo(std::chrono::nanoseconds moment);

  Random random_;
  ManualClock clock_;
  std::array<LaneState, kLaneCount> lanes_;
  std::map<TimerId, Timer> timers_;
  TimerId last_timer_ = 0;
  bool timer_running_ = false;
};

}  // namespace firn
