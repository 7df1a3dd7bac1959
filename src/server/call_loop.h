// SPDX-License-Identifier: Apache-2.0
//
// A thread that reads the requests of clients and sends the answers, off a queue in which gRPC says
// what has happened. Everything about its connections happens here, and what became ready together
// is answered together: a call that is ended from elsewhere costs twice as much, in locks of gRPC
// and in threads that wake each other (docs/decisions/0010). Nothing may block in it.
//
// Post and HasLeft are thread-safe; the rest belongs to the loop's thread or says otherwise.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "server/connection_table.h"
#include "server/worker_pool.h"

namespace firn::server {

class CallLoop {
 public:
  // What was asked of gRPC, until it has happened: the tag of an operation.
  class Awaited {
   public:
    // False: it has not happened, and will not.
    virtual void Happened(bool ok) = 0;

   protected:
    ~Awaited() = default;
  };

  // The table outlives the loop.
  CallLoop(std::unique_ptr<grpc::ServerCompletionQueue> queue, const ConnectionTable& connections)
      : queue_(std::move(queue)), connections_(connections) {}
  // The server has shut down. Blocks until the calls that are under way have ended.
  ~CallLoop() FIRN_EXCLUDES(mutex_);
  CallLoop(const CallLoop&) = delete;
  CallLoop& operator=(const CallLoop&) = delete;

  void Start();
  grpc::ServerCompletionQueue* queue() { return queue_.get(); }

  // Runs the task soon, in the loop's thread, in one go with what else is posted meanwhile. While
  // a call is there that has joined.
  void Post(std::function<void()> task) FIRN_EXCLUDES(mutex_);
  // In a task: what goes to this client waits for the answers of the other tasks.
  void HoldBack(const std::string& peer);

  // Calls count from when gRPC is asked for them.
  void Joins() FIRN_EXCLUDES(mutex_);
  void HasLeft() FIRN_EXCLUDES(mutex_);

 private:
  void Run();
  void RunPosted() FIRN_EXCLUDES(mutex_);

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const ConnectionTable& connections_;
  std::unordered_set<int> held_back_;  // Descriptors.
  bool runs_posted_ = false;

  Mutex mutex_;
  ConditionVariable changed_;
  std::size_t calls_ FIRN_GUARDED_BY(mutex_) = 0;
  std::vector<std::function<void()>> posted_ FIRN_GUARDED_BY(mutex_);
  grpc::Alarm alarm_ FIRN_GUARDED_BY(mutex_);  // Set while something is posted.
  std::unique_ptr<WorkerPool> thread_;
};

}  // namespace firn::server
