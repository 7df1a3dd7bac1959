// SPDX-License-Identifier: Apache-2.0
//
// One piece of work that another lane does for the driver, and what came of it. The driver starts
// it, goes on, is woken when it has ended and takes the result; one at a time. Whoever destroys an
// errand waits for the work under way, so that the work may use what outlives the errand.
//
// Start, Take and the destructor belong to one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "io/scheduler.h"

namespace firn {

template <typename T>
class Errand {
 public:
  // `wake` is called from the lane when there is something to take. Short; calls nothing of ours.
  Errand(Scheduler& scheduler, std::function<void()> wake)
      : scheduler_(scheduler), box_(std::make_shared<Box>()) {
    box_->wake = std::move(wake);
  }
  ~Errand() { Await(); }
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;

  bool is_under_way() const { return is_under_way_; }

  void Start(Lane lane, std::function<T()> work) {
    FIRN_CHECK(!is_under_way_);
    is_under_way_ = true;
    scheduler_.Submit(lane, [box = box_, work = std::move(work)]() mutable {
      T result = work();
      work = nullptr;  // What it holds is let go before its owner hears of the end.
      MutexLock lock(box->mutex);
      box->result = std::move(result);
      box->changed.NotifyAll();
      box->wake();  // Under the mutex: without it its owner may be gone.
    });
  }

  // Once for each start, when it has ended.
  std::optional<T> Take() {
    if (!is_under_way_) {
      return std::nullopt;
    }
    MutexLock lock(box_->mutex);
    std::optional<T> result = std::exchange(box_->result, std::nullopt);
    is_under_way_ = !result.has_value();
    return result;
  }

  // Blocks until what was started has ended. The result stays to be taken.
  void Await() {
    if (!is_under_way_) {
      return;
    }
    MutexLock lock(box_->mutex);
    scheduler_.Wait(box_->mutex, box_->changed,
                    [this]() FIRN_REQUIRES(box_->mutex) { return box_->result.has_value(); });
  }

 private:
  struct Box {
    Mutex mutex;
    ConditionVariable changed;
    std::optional<T> result FIRN_GUARDED_BY(mutex);
    std::function<void()> wake;
  };

  Scheduler& scheduler_;
  const std::shared_ptr<Box> box_;
  bool is_under_way_ = false;
};

}  // namespace firn
