// SPDX-License-Identifier: Apache-2.0
#include "io/stepped_scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace firn {
namespace {

using std::chrono::nanoseconds;

// A wait that goes on for longer, while only timers run, waits for something that never comes.
constexpr nanoseconds kDeadlockAfter = std::chrono::hours(1);

}  // namespace

SteppedScheduler::~SteppedScheduler() { RunUntilIdle(); }

bool SteppedScheduler::RunOne() {
  std::array<LaneState*, kLaneCount> runnable{};
  std::size_t count = 0;
  for (LaneState& lane : lanes_) {
    if (!lane.running && !lane.tasks.empty()) {
      runnable[count++] = &lane;
    }
  }
  if (count == 0) {
    return false;
  }
  LaneState& lane = *runnable[random_.Below(count)];
  const std::function<void()> task = std::move(lane.tasks.front());
  lane.tasks.pop_front();
  lane.running = true;
  task();
  lane.running = false;
  return true;
}

void SteppedScheduler::RunUntilIdle() {
  while (RunOne()) {
  }
}

std::size_t SteppedScheduler::pending() const {
  std::size_t count = 0;
  for (const LaneState& lane : lanes_) {
    count += lane.tasks.size();
  }
  return count;
}

void SteppedScheduler::Submit(Lane lane, std::function<void()> task) {
  lanes_[static_cast<std::size_t>(lane)].tasks.push_back(std::move(task));
}

TimerId SteppedScheduler::Every(nanoseconds interval, std::function<void()> task) {
  FIRN_CHECK(interval.count() > 0, interval.count());
  timers_[++last_timer_] = {interval, clock_.Now() + interval, std::move(task)};
  return last_timer_;
}

void SteppedScheduler::Cancel(TimerId timer) { timers_.erase(timer); }

void SteppedScheduler::MoveTo(nanoseconds moment) {
  clock_.Advance(std::max(moment - clock_.Now(), nanoseconds(0)));
}

bool SteppedScheduler::FireNextTimer(nanoseconds limit) {
  const auto next =
      std::min_element(timers_.begin(), timers_.end(),
                       [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
  if (timer_running_ || next == timers_.end() || next->second.due > limit) {
    return false;
  }
  MoveTo(next->second.due);
  next->second.due += next->second.interval;
  const std::function<void()> task = next->second.task;
  timer_running_ = true;
  task();
  timer_running_ = false;
  return true;
}

void SteppedScheduler::Advance(nanoseconds duration) {
  const nanoseconds end = clock_.Now() + duration;
  while (FireNextTimer(end)) {
  }
  MoveTo(end);
}

void SteppedScheduler::Pause(nanoseconds duration) {
  RunOne();
  Advance(duration);
}

void SteppedScheduler::Wait(Mutex& mutex, ConditionVariable& condition,
                            const std::function<bool()>& done) {
  const bool came = WaitFor(mutex, condition, kDeadlockAfter, done);
  FIRN_CHECK(came, "deadlock: nothing that can run ends this wait");
}

bool SteppedScheduler::WaitFor(Mutex& mutex, ConditionVariable&, nanoseconds limit,
                               const std::function<bool()>& done) {
  const nanoseconds deadline = clock_.Now() + limit;
  while (!done()) {
    mutex.Unlock();
    const bool progress = RunOne() || FireNextTimer(deadline);
    mutex.Lock();
    if (!progress) {
      MoveTo(deadline);
      return done();
    }
  }
  return true;
}

}  // namespace firn
