// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <pthread.h>

#include <csignal>
#include <limits>
#include <utility>

namespace firn::server {
namespace {

constexpr std::size_t kThreadNameMax = 15;

// Signals of the process are for the thread that waits for them; those that report a fault of a
// thread itself stay open.
void BlockSignals() {
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
    sigdelset(&blocked, fault);
  }
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

}  // namespace

WorkerPool::WorkerPool(const std::string& name, std::size_t thread_count) {
  threads_.reserve(thread_count);
  for (std::size_t i = 0; i < thread_count; ++i) {
    threads_.emplace_back([this, short_name = name.substr(0, kThreadNameMax)] {
      BlockSignals();
      pthread_setname_np(pthread_self(), short_name.c_str());
      Run();
    });
  }
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

// True: the caller is to notify one thread, once it has let the mutex go.
bool WorkerPool::WakesOne() {
  if (idle_ == 0 || is_waking_) {
    return false;
  }
  is_waking_ = true;
  return true;
}

void WorkerPool::Post(std::function<void()> task) {
  PostUnlessBusy(std::numeric_limits<std::size_t>::max(), std::move(task));
}

bool WorkerPool::PostUnlessBusy(std::size_t waiting_max, std::function<void()> task) {
  bool wakes = false;
  {
    MutexLock lock(mutex_);
    if (tasks_.size() >= waiting_max) {
      return false;
    }
    tasks_.push_back(std::move(task));
    wakes = WakesOne();
  }
  if (wakes) {
    changed_.NotifyOne();
  }
  return true;
}

// A running task may still post, so the end has come only when none runs.
void WorkerPool::Run() {
  mutex_.Lock();
  for (;;) {
    while (tasks_.empty() && !(ending_ && running_ == 0)) {
      ++idle_;
      changed_.Wait(mutex_);
      --idle_;
      is_waking_ = false;
    }
    if (tasks_.empty()) {
      break;
    }
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    const bool wakes = !tasks_.empty() && WakesOne();
    ++running_;
    mutex_.Unlock();
    if (wakes) {
      changed_.NotifyOne();
    }
    task();
    task = nullptr;
    mutex_.Lock();
    --running_;
    if (ending_ && running_ == 0) {
      changed_.NotifyAll();
    }
  }
  mutex_.Unlock();
}

}  // namespace firn::server
