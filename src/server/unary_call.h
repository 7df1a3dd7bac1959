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
 protected:
  UnaryCall(const ServingNode& node, grpc::CallbackServerContext& context)
      : node_(node), context_(context) {}

  // Each ends the call.
  void Refuse(const Refusal& refusal) { Finish(Refused(context_, refusal)); }
  void Refuse(Fate fate, Asked asked) { Refuse(RefusalOf(fate, asked, LeaderOf(node_.replica))); }
  void Conclude(const std::optional<Refusal>& refusal) {
    if (refusal) {
      Refuse(*refusal);
    } else {
      Finish(grpc::Status::OK);
    }
  }

  const ServingNode& node_;
  grpc::CallbackServerContext& context_;

 private:
  void OnDone() final { const std::unique_ptr<UnaryCall> ends(this); }
};

// Does its work in one go on a thread of a pool.
class TaskCall final : public UnaryCall {
 public:
  // Nothing: done, with the response filled.
  using Task = std::function<std::optional<Refusal>()>;

  // Short work, on the workers.
  static grpc::ServerUnaryReactor* Run(const ServingNode& node,
                                       grpc::CallbackServerContext& context, Task task);
  // Long work, after other long work; refused when too much of it waits or the node is draining.
  static grpc::ServerUnaryReactor* RunChore(const ServingNode& node,
                                            grpc::CallbackServerContext& context, Task task);
  static grpc::ServerUnaryReactor* RefuseAtOnce(const ServingNode& node,
                                                grpc::CallbackServerContext& context,
                                                const Refusal& refusal);

 private:
  TaskCall(const ServingNode& node, grpc::CallbackServerContext& context, Task task)
      : UnaryCall(node, context), task_(std::move(task)) {}
  void Perform();

  const Task task_;
};

}  // namespace firn::server
