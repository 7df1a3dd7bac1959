// SPDX-License-Identifier: Apache-2.0
//
// One mutex guards the queues, the timers and the life of the threads; tasks run without it. A
// destructor that starts waits until no task is queued or running, so that tasks submitted by tasks
// also run, and only then tells the threads to end.
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <deque>
#include <map>
#include <thread>

#include "io/scheduler.h"

namespace firn {
namespace {

using std::chrono::nanoseconds;

constexpr int kLowPriority = 10;  // As nice(1) has it.

// Of the lanes' threads, as tools show them; the kernel keeps 15 bytes.
constexpr std::array<const char*, kLaneCount> kThreadNames = {
    "firn-flush", "firn-compact", "firn-raft-log", "firn-replica", "firn-transfer", "firn-prepare"};

// Blocks signals in threads started while it lives: they belong to the embedder's own threads.
// Those that report a fault of the thread itself stay open, or the kernel would end the process
// without asking the embedder's crash handler.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
      sigdelset(&blocked, fault);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

class ThreadScheduler final : public Scheduler {
 public:
  ~ThreadScheduler() override;

  void Submit(Lane lane, std::function<void()> task) override;
  TimerId Every(nanoseconds interval, std::function<void()> task) override;
  void Cancel(TimerId timer) override;
  void Wait(Mutex& mutex, ConditionVariable& condition, const std::function<bool()>& done) override
      FIRN_REQUIRES(mutex) {
    while (!done()) {
      condition.Wait(mutex);
    }
  }
  bool WaitFor(Mutex& mutex, ConditionVariable& condition, nanoseconds limit,
               const std::function<bool()>& done) override FIRN_REQUIRES(mutex);
  void Pause(nanoseconds duration) override { std::this_thread::sleep_for(duration); }
  const Clock& clock() const override { return clock_; }

 private:
  struct LaneState {
    std::deque<std::function<void()>> tasks;
    bool running = false;
    std::thread thread;
    ConditionVariable changed;
  };
  struct Timer {
    nanoseconds interval;
    nanoseconds due;
    std::function<void()> task;
  };

  void RunLane(Lane lane) FIRN_EXCLUDES(mutex_);
  void RunTimers() FIRN_EXCLUDES(mutex_);
  bool LanesIdle() const FIRN_REQUIRES(mutex_);

  const MonotonicClock clock_;
  Mutex mutex_;
  bool ending_ FIRN_GUARDED_BY(mutex_) = false;
  std::array<LaneState, kLaneCount> lanes_ FIRN_GUARDED_BY(mutex_);
  ConditionVariable lane_idle_;
  std::map<TimerId, Timer> timers_ FIRN_GUARDED_BY(mutex_);
  TimerId last_timer_ FIRN_GUARDED_BY(mutex_) = 0;
  TimerId running_timer_ FIRN_GUARDED_BY(mutex_) = 0;
  bool timers_ending_ FIRN_GUARDED_BY(mutex_) = false;
  std::thread timer_thread_ FIRN_GUARDED_BY(mutex_);
  ConditionVariable timers_changed_;
};

ThreadScheduler::~ThreadScheduler() {
  std::array<std::thread, kLaneCount> lane_threads;
  std::thread timer_thread;
  {
    MutexLock lock(mutex_);
    timers_ending_ = true;
    timers_changed_.NotifyAll();
    timer_thread = std::move(timer_thread_);
  }
  if (timer_thread.joinable()) {
    timer_thread.join();
  }
  {
    MutexLock lock(mutex_);
    while (!LanesIdle()) {
      lane_idle_.Wait(mutex_);
    }
    ending_ = true;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      lanes_[i].changed.NotifyAll();
      lane_threads[i] = std::move(lanes_[i].thread);
    }
  }
  for (std::thread& thread : lane_threads) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

bool ThreadScheduler::LanesIdle() const {
  for (const LaneState& lane : lanes_) {
    if (lane.running || !lane.tasks.empty()) {
      return false;
    }
  }
  return true;
}

void ThreadScheduler::Submit(Lane lane, std::function<void()> task) {
  ConditionVariable* changed = nullptr;
  {
    MutexLock lock(mutex_);
    LaneState& state = lanes_[static_cast<std::size_t>(lane)];
    state.tasks.push_back(std::move(task));
    if (!state.thread.joinable()) {
      const SignalsBlocked blocked;
      state.thread = std::thread([this, lane] { RunLane(lane); });
    }
    changed = &state.changed;
  }
  changed->NotifyOne();  // Not under the mutex, for which the lane would have to wait.
}

void ThreadScheduler::RunLane(Lane lane) {
  pthread_setname_np(pthread_self(), kThreadNames[static_cast<std::size_t>(lane)]);
  if (lane == Lane::kCompaction) {
    // On Linux the priority is the thread's. Refusal leaves it as it was, which is only slower.
    setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kLowPriority);
  }
  mutex_.Lock();
  LaneState& state = lanes_[static_cast<std::size_t>(lane)];
  while (true) {
    while (state.tasks.empty() && !ending_) {
      state.changed.Wait(mutex_);
    }
    if (state.tasks.empty()) {
      break;
    }
    std::function<void()> task = std::move(state.tasks.front());
    state.tasks.pop_front();
    state.running = true;
    mutex_.Unlock();
    task();
    task = nullptr;  // What it holds ends outside the mutex, and before the lane looks idle.
    mutex_.Lock();
    state.running = false;
    lane_idle_.NotifyAll();
  }
  mutex_.Unlock();
}

TimerId ThreadScheduler::Every(nanoseconds interval, std::function<void()> task) {
  MutexLock lock(mutex_);
  const TimerId id = ++last_timer_;
  timers_[id] = {interval, clock_.Now() + interval, std::move(task)};
  if (!timer_thread_.joinable()) {
    const SignalsBlocked blocked;
    timer_thread_ = std::thread([this] { RunTimers(); });
  }
  timers_changed_.NotifyAll();
  return id;
}

void ThreadScheduler::Cancel(TimerId timer) {
  MutexLock lock(mutex_);
  timers_.erase(timer);
  while (running_timer_ == timer) {
    timers_changed_.Wait(mutex_);
  }
}

void ThreadScheduler::RunTimers() {
  pthread_setname_np(pthread_self(), "firn-timers");
  mutex_.Lock();
  while (!timers_ending_) {
    const auto next =
        std::min_element(timers_.begin(), timers_.end(),
                         [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
    const nanoseconds now = clock_.Now();
    if (next == timers_.end()) {
      timers_changed_.Wait(mutex_);
    } else if (next->second.due > now) {
      timers_changed_.WaitFor(mutex_, next->second.due - now);
    } else {
      Timer& timer = next->second;
      timer.due += timer.interval;
      if (timer.due <= now) {
        timer.due = now + timer.interval;
      }
      const std::function<void()> task = timer.task;
      running_timer_ = next->first;
      mutex_.Unlock();
      task();
      mutex_.Lock();
      running_timer_ = 0;
      timers_changed_.NotifyAll();
    }
  }
  mutex_.Unlock();
}

bool ThreadScheduler::WaitFor(Mutex& mutex, ConditionVariable& condition, nanoseconds limit,
                              const std::function<bool()>& done) {
  const nanoseconds deadline = clock_.Now() + limit;
  while (!done()) {
    const nanoseconds now = clock_.Now();
    if (now >= deadline) {
      return false;
    }
    condition.WaitFor(mutex, deadline - now);
  }
  return true;
}

}  // namespace

std::shared_ptr<Scheduler> MakeThreadScheduler() { return std::make_shared<ThreadScheduler>(); }

}  // namespace firn
