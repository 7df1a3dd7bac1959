// SPDX-License-Identifier: Apache-2.0
//
// A call with one request and one response: asked of gRPC, begun, ended. It owns itself from its
// making until gRPC is done with it. One thread at a time has it: the loop's, until it hands the
// call to another. Who has ended a call must not touch it any more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "server/call_service.h"
#include "server/refusal.h"
#include "server/serving_node.h"

namespace firn::server {

// Puts the refusal's trailing metadata into the context, so before the call ends.
grpc::Status Refused(grpc::ServerContext& context, const Refusal& refusal);

// Whether the caller lets a follower ask the leader in its stead: it does, unless its metadata say
// `firn-forward: no`.
bool MayForward(const grpc::ServerContext& context);

class UnaryCall : private CallLoop::Awaited {
 public:
  // What all calls of a method have in common; the method is counted when a call ends.
  struct Kind {
    const ServingNode& node;
    Method method;
  };

  UnaryCall(const CallPlace& place, const Kind& kind)
      : node_(kind.node), place_(place), method_(kind.method) {
    place_.loop.Joins();
  }
  virtual ~UnaryCall() { place_.loop.HasLeft(); }
  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

 protected:
  // The request is here. In the loop: short and without waiting.
  virtual void Begin() = 0;

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

  // In a task of the loop, before the call ends: its answer leaves with those of the other tasks.
  void HoldBack() { place_.loop.HoldBack(context_.peer()); }

  bool IsDraining() const { return node_.draining.load(std::memory_order_relaxed); }
  CallLoop& loop() { return place_.loop; }
  CallLoop::Awaited* tag() { return this; }

  const ServingNode& node_;
  grpc::ServerContext context_;

 private:
  virtual void Answer(const grpc::Status& status) = 0;
  void End(const grpc::Status& status);
  void Happened(bool ok) final;

  const CallPlace place_;
  const Method method_;
  bool has_begun_ = false;
};

template <typename RequestType, typename ResponseType>
class TypedCall : public UnaryCall {
 public:
  using Request = RequestType;
  using Writer = grpc::ServerAsyncResponseWriter<ResponseType>;

  // `ask` hands the four to gRPC.
  template <typename AskFor>
  void Ask(const AskFor& ask) {
    ask(context_, request_, writer_, tag());
  }

  using UnaryCall::UnaryCall;

 protected:
  RequestType request_;
  ResponseType response_;

 private:
  void Answer(const grpc::Status& status) final {
    if (status.ok()) {
      writer_.Finish(response_, status, tag());
    } else {
      writer_.FinishWithError(status, tag());
    }
  }

  Writer writer_{&context_};
};

// How a chore is refused that would have to wait for too many others.
Refusal TooManyChores();

// Does its work in one go on a thread of a pool.
template <typename Request, typename Response>
class TaskCall final : public TypedCall<Request, Response> {
 public:
  using Task = std::function<std::optional<Refusal>(const Request&, Response&)>;
  enum class Length : std::uint8_t {
    kShort,  // On the workers.
    kChore,  // After other long work; refused when too much of it waits or the node is draining.
  };

  TaskCall(const CallPlace& place, const UnaryCall::Kind& kind, Length length, Task task)
      : TypedCall<Request, Response>(place, kind), length_(length), task_(std::move(task)) {}

 private:
  void Begin() override {
    const ServingNode& node = this->node_;
    const auto perform = [this] { this->Conclude(task_(this->request_, this->response_)); };
    if (length_ == Length::kShort) {
      node.workers.Post(perform);
    } else if (this->IsDraining()) {
      this->Refuse(Draining());
    } else if (!node.chores.PostUnlessBusy(node.limits.chores_max, perform)) {
      this->Refuse(TooManyChores());
    }
  }

  const Length length_;
  const Task task_;
};

}  // namespace firn::server
