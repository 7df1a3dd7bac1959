// SPDX-License-Identifier: Apache-2.0
//
// The server's own threads. The replica's task answers hundreds of callers at a time and must not
// spend its time in gRPC or wait for a disk on their behalf; gRPC's few threads must not block
// either. So an answer is handed over here: posting costs a short lock, and a wake-up only when a
// thread is idle.
//
// Tasks run in the order in which they came, as many at a time as there are threads. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace firn::server {

class WorkerPool {
 public:
  // Names of threads are cut at 15 characters.
  WorkerPool(const std::string& name, std::size_t thread_count);
  // Runs what was posted, also by tasks, then ends the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Post(std::function<void()> task) FIRN_EXCLUDES(mutex_);
  // False when so many tasks wait already.
  bool PostUnlessBusy(std::size_t waiting_max, std::function<void()> task) FIRN_EXCLUDES(mutex_);

 private:
  void Run() FIRN_EXCLUDES(mutex_);
  bool WakesOne() FIRN_REQUIRES(mutex_);

  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<std::function<void()>> tasks_ FIRN_GUARDED_BY(mutex_);
  std::size_t idle_ FIRN_GUARDED_BY(mutex_) = 0;
  bool is_waking_ FIRN_GUARDED_BY(mutex_) = false;  // One was notified and has not come yet.
  std::size_t running_ FIRN_GUARDED_BY(mutex_) = 0;
  bool ending_ FIRN_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace firn::server
