// SPDX-License-Identifier: Apache-2.0
#include "server/status_watch.h"

#include <iterator>
#include <utility>

namespace firn::server {

void StatusWatch::Await(Wish wish) {
  const std::chrono::nanoseconds due = clock_.Now() + wish.limit;
  MutexLock lock(mutex_);
  waiting_.push_back({.wish = std::move(wish), .due = due});
}

// Wishes are looked at, and answered, outside the mutex.
void StatusWatch::Poll() {
  std::vector<Waiting> waiting;
  {
    MutexLock lock(mutex_);
    std::swap(waiting, waiting_);
  }
  if (waiting.empty()) {
    return;
  }
  const ReplicaStatus status = replica_.Status();
  const std::chrono::nanoseconds now = clock_.Now();
  std::vector<Waiting> later;
  for (Waiting& one : waiting) {
    const bool holds = one.wish.holds(status);
    if (holds || now >= one.due) {
      one.wish.done(holds, status);
    } else {
      later.push_back(std::move(one));
    }
  }
  MutexLock lock(mutex_);
  waiting_.insert(waiting_.end(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
}

void StatusWatch::End() {
  std::vector<Waiting> waiting;
  {
    MutexLock lock(mutex_);
    std::swap(waiting, waiting_);
  }
  if (waiting.empty()) {
    return;
  }
  const ReplicaStatus status = replica_.Status();
  for (const Waiting& one : waiting) {
    one.wish.done(false, status);
  }
}

}  // namespace firn::server
