// SPDX-License-Identifier: Apache-2.0
//
// A call with one request and one response, while it is under way. It owns itself from its making
// until gRPC is done with it. A call that has ended must not be touched any more by whoever ended
// it.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>

#include "server/refusal.h"
#include "server/serving_node.h"

namespace firn::server {

// Puts the refusal's trailing metadata into the context, so before the call ends.
grpc::Status Refused(grpc::CallbackServerContext& context, const Refusal& refusal);

// Whether the caller lets a follower ask the leader in its stead: it does, unless its metadata say
// `firn-forward: no`.
bool MayForward(const grpc::CallbackServerContext& context);

class UnaryCall : public grpc::ServerUnaryReactor {
 public:
  struct Call {
    const ServingNode& node;
    grpc::CallbackServerContext& context;
    Method method;  // Counted when it ends.
  };

 protected:
  explicit UnaryCall(const Call& call)
      : node_(call.node), context_(call.context), method_(call.method) {
    node_.counts.Begin();
  }

  // Each ends the call.
  void Succeed() { End(grpc::Status::OK); }
  void Refuse(const Refusal& refusal) { End(Refused(context_, refusal)); }
  void Refuse(Fate fate, Asked asked) { Refuse(RefusalOf(fate, asked, LeaderOf(node_.replica))); }
  void Conclude(const std::optional<Refusal>& refusal) {
    if (refusal) {
      Refuse(*refusal);
    } else {
      Succeed();
    }
  }

  const ServingNode& node_;
  grpc::CallbackServerContext& context_;

 private:
  void End(const grpc::Status& status) {
    node_.counts.Count(method_, status.error_code());
    Finish(status);
  }
  // OnDone is short and waits for nothing, so gRPC may call it wherever it is, without a thread of
  // its own in between.
  bool InternalInlineable() final { return true; }
  void OnDone() final {
    node_.counts.Done();
    const std::unique_ptr<UnaryCall> ends(this);
  }

  const Method method_;
};

// Does its work in one go on a thread of a pool.
class TaskCall final : public UnaryCall {
 public:
  // Nothing: done, with the response filled.
  using Task = std::function<std::optional<Refusal>()>;

  // Short work, on the workers.
  static grpc::ServerUnaryReactor* Run(const Call& call, Task task);
  // Long work, after other long work; refused when too much of it waits or the node is draining.
  static grpc::ServerUnaryReactor* RunChore(const Call& call, Task task);
  static grpc::ServerUnaryReactor* RefuseAtOnce(const Call& call, const Refusal& refusal);

 private:
  TaskCall(const Call& call, Task task) : UnaryCall(call), task_(std::move(task)) {}
  void Perform();

  const Task task_;
};

}  // namespace firn::server
