// SPDX-License-Identifier: Apache-2.0
#include "server/call_loop.h"

#include <utility>

namespace firn::server {

CallLoop::~CallLoop() {
  {
    MutexLock lock(mutex_);
    while (calls_ > 0) {
      changed_.Wait(mutex_);
    }
  }
  queue_->Shutdown();
  if (!thread_) {
    Run();
  }
}

void CallLoop::Start() {
  thread_ = std::make_unique<WorkerPool>("firn-calls", 1);
  thread_->Post([this] { Run(); });
}

void CallLoop::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    if (tag == this) {
      RunPosted();
    } else {
      static_cast<Awaited*>(tag)->Happened(ok);
    }
  }
}

// The alarm is set under the mutex: the task may end the last call, and this loop with it.
void CallLoop::Post(std::function<void()> task) {
  MutexLock lock(mutex_);
  posted_.push_back(std::move(task));
  if (posted_.size() == 1) {
    alarm_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), this);
  }
}

void CallLoop::RunPosted() {
  std::vector<std::function<void()>> tasks;
  {
    MutexLock lock(mutex_);
    std::swap(tasks, posted_);
  }
  runs_posted_ = true;
  for (const std::function<void()>& task : tasks) {
    task();
  }
  runs_posted_ = false;
  for (const int descriptor : held_back_) {
    ConnectionTable::LetGo(descriptor);
  }
  held_back_.clear();
}

void CallLoop::HoldBack(const std::string& peer) {
  if (!runs_posted_) {
    return;
  }
  if (const std::optional<int> descriptor = connections_.Find(peer);
      descriptor && held_back_.insert(*descriptor).second) {
    ConnectionTable::HoldBack(*descriptor);
  }
}

void CallLoop::Joins() {
  MutexLock lock(mutex_);
  ++calls_;
}

void CallLoop::HasLeft() {
  MutexLock lock(mutex_);
  if (--calls_ == 0) {
    changed_.NotifyAll();
  }
}

}  // namespace firn::server
