// SPDX-License-Identifier: Apache-2.0
//
// What a call over gRPC holds while it is under way. The one idea: a channel of gRPC must not end
// on a thread that gRPC calls back on. Its end waits for those threads, and one that waits for
// itself goes on with a queue that is already freed. A call's context refers to its channel, so the
// transport, whose own thread may wait, has to be the last to let go of a channel: it waits for all
// holds first.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/mutex.h"
#include "client/transport.h"

namespace firn::client {

// The calls of a transport. Thread-safe.
class CallsUnderWay {
 public:
  // Asks for the end of those that are there, and of those that come from now on.
  void CancelAll() FIRN_EXCLUDES(mutex_);
  // Blocks until none is left; they all must have ended, or been cancelled.
  void AwaitNone() FIRN_EXCLUDES(mutex_);

 private:
  friend class CallHold;

  void Enter(grpc::ClientContext& context) FIRN_EXCLUDES(mutex_);
  // The context is about to go.
  void Forget(grpc::ClientContext& context) FIRN_EXCLUDES(mutex_);
  void Leave() FIRN_EXCLUDES(mutex_);

  Mutex mutex_;
  ConditionVariable left_;
  bool is_cancelled_ FIRN_GUARDED_BY(mutex_) = false;
  std::size_t count_ FIRN_GUARDED_BY(mutex_) = 0;
  std::unordered_set<grpc::ClientContext*> contexts_ FIRN_GUARDED_BY(mutex_);
};

// One of them: its context and its way to the channel, let go of together.
class CallHold {
 public:
  CallHold(std::shared_ptr<CallsUnderWay> calls, std::shared_ptr<grpc::GenericStub> stub);
  ~CallHold();
  CallHold(const CallHold&) = delete;
  CallHold& operator=(const CallHold&) = delete;

  grpc::ClientContext& context() { return *context_; }
  grpc::GenericStub& stub() { return *stub_; }

 private:
  const std::shared_ptr<CallsUnderWay> calls_;
  std::optional<grpc::ClientContext> context_;
  std::shared_ptr<grpc::GenericStub> stub_;
};

// That far from now, on the clock that gRPC has for delays.
gpr_timespec In(std::chrono::milliseconds delay);

// How the call of the context ended.
Attempt AttemptOf(const grpc::Status& status, const grpc::ClientContext& context);
// Nothing when the bytes cannot be read.
std::optional<std::string> BytesOf(const grpc::ByteBuffer& buffer);

}  // namespace firn::client
