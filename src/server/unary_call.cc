// SPDX-License-Identifier: Apache-2.0
#include "server/unary_call.h"

#include <utility>

namespace firn::server {
namespace {

constexpr std::uint64_t kChoreRetryMs = 1'000;

}  // namespace

grpc::Status Refused(grpc::CallbackServerContext& context, const Refusal& refusal) {
  for (const auto& [name, value] : MetadataOf(refusal)) {
    context.AddTrailingMetadata(name, value);
  }
  return StatusOf(refusal);
}

bool MayForward(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("firn-forward");
  return found == metadata.end() || found->second != "no";
}

grpc::ServerUnaryReactor* TaskCall::Run(const ServingNode& node,
                                        grpc::CallbackServerContext& context, Task task) {
  auto* call = new TaskCall(node, context, std::move(task));
  node.workers.Post([call] { call->Perform(); });
  return call;
}

grpc::ServerUnaryReactor* TaskCall::RunChore(const ServingNode& node,
                                             grpc::CallbackServerContext& context, Task task) {
  auto* call = new TaskCall(node, context, std::move(task));
  if (node.draining.load(std::memory_order_relaxed)) {
    call->Refuse(Draining());
  } else if (!node.chores.PostUnlessBusy(node.limits.chores_max, [call] { call->Perform(); })) {
    call->Refuse(Overloaded("too many flushes and compactions wait", kChoreRetryMs));
  }
  return call;
}

grpc::ServerUnaryReactor* TaskCall::RefuseAtOnce(const ServingNode& node,
                                                 grpc::CallbackServerContext& context,
                                                 const Refusal& refusal) {
  auto* call = new TaskCall(node, context, {});
  call->Refuse(refusal);
  return call;
}

void TaskCall::Perform() {
  if (context_.IsCancelled()) {
    Refuse(Cancelled());
  } else {
    Conclude(task_());
  }
}

}  // namespace firn::server
