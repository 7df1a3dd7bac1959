// SPDX-License-Identifier: Apache-2.0
//
// Has memory made ready for writers before they come to it, on a lane of its own: pages of the log
// and a chunk of the memtable. A writer that comes to unprepared memory waits for the kernel to
// zero it and to book it on the file, which takes as long as ten writes. An optimisation: nothing
// depends on when, or whether, it runs. Thread-safe.
#pragma once

#include <functional>
#include <utility>

#include "base/mutex.h"
#include "io/scheduler.h"

namespace firn {

class Preparer {
 public:
  // `prepare` runs on the lane, once at a time.
  Preparer(Scheduler& scheduler, std::function<void()> prepare)
      : scheduler_(scheduler), prepare_(std::move(prepare)) {}

  // There may be something to prepare. Does not wait.
  void Kick() FIRN_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      wanted_ = true;
      if (scheduled_ || stopped_) {
        return;
      }
      scheduled_ = true;
    }
    scheduler_.Submit(Lane::kPrepare, [this] { Run(); });
  }

  // Waits for a task that runs and starts no more.
  void Stop() FIRN_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    stopped_ = true;
    scheduler_.Wait(mutex_, ended_, [this]() FIRN_REQUIRES(mutex_) { return !scheduled_; });
  }

 private:
  void Run() FIRN_EXCLUDES(mutex_) {
    for (;;) {
      {
        MutexLock lock(mutex_);
        if (!wanted_ || stopped_) {
          scheduled_ = false;
          ended_.NotifyAll();
          return;
        }
        wanted_ = false;
      }
      prepare_();
    }
  }

  Scheduler& scheduler_;
  const std::function<void()> prepare_;
  Mutex mutex_;
  ConditionVariable ended_;
  bool wanted_ FIRN_GUARDED_BY(mutex_) = false;
  bool scheduled_ FIRN_GUARDED_BY(mutex_) = false;
  bool stopped_ FIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace firn
