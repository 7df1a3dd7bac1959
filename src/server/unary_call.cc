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

grpc::ServerUnaryReactor* TaskCall::Run(const Call& call, Task task) {
  auto* task_call = new TaskCall(call, std::move(task));
  call.node.workers.Post([task_call] { task_call->Perform(); });
  return task_call;
}

grpc::ServerUnaryReactor* TaskCall::RunChore(const Call& call, Task task) {
  const ServingNode& node = call.node;
  auto* task_call = new TaskCall(call, std::move(task));
  if (node.draining.load(std::memory_order_relaxed)) {
    task_call->Refuse(Draining());
  } else if (!node.chores.PostUnlessBusy(node.limits.chores_max,
                                         [task_call] { task_call->Perform(); })) {
    task_call->Refuse(Overloaded("too many flushes and compactions wait", kChoreRetryMs));
  }
  return task_call;
}

grpc::ServerUnaryReactor* TaskCall::RefuseAtOnce(const Call& call, const Refusal& refusal) {
  auto* task_call = new TaskCall(call, {});
  task_call->Refuse(refusal);
  return task_call;
}

void TaskCall::Perform() {
  if (context_.IsCancelled()) {
    Refuse(Cancelled());
  } else {
    Conclude(task_());
  }
}

}  // namespace firn::server
