// SPDX-License-Identifier: Apache-2.0
//
// A service whose calls are answered in loops (call_loop.h). For each method some calls are asked
// of gRPC in advance; one that begins asks for the next of its kind.
#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "server/call_loop.h"

namespace firn::server {

// A method: where its calls come from.
class CallSource {
 public:
  // `ahead`: calls asked for in advance, in each loop.
  CallSource(std::size_t ahead, std::function<void(CallLoop&, CallSource&)> ask)
      : ahead_(ahead), ask_(std::move(ask)) {}

  // For one more call, in the loop or before it runs. A server that has shut down has none.
  void Ask(CallLoop& loop) { ask_(loop, *this); }
  void AskAhead(CallLoop& loop) {
    for (std::size_t i = 0; i < ahead_; ++i) {
      Ask(loop);
    }
  }

 private:
  const std::size_t ahead_;
  const std::function<void(CallLoop&, CallSource&)> ask_;
};

// Where a call is and what made it.
struct CallPlace {
  CallLoop& loop;
  CallSource& source;
};

// One operation of a call that has several: what the call does when it has happened.
template <typename Call>
class CallStep final : private CallLoop::Awaited {
 public:
  using Then = void (Call::*)(bool ok);

  CallStep(Call& call, Then then) : call_(call), then_(then) {}
  CallLoop::Awaited* tag() { return this; }

 private:
  void Happened(bool ok) override { (call_.*then_)(ok); }

  Call& call_;
  const Then then_;
};

struct CallService {
  std::unique_ptr<grpc::Service> service;
  std::vector<std::unique_ptr<CallSource>> methods;
};

// As protoc generates the asking for a call.
template <typename Owner, typename Request, typename Writer>
using AskMethod = void (Owner::*)(grpc::ServerContext*, Request*, Writer*, grpc::CompletionQueue*,
                                  grpc::ServerCompletionQueue*, void*);

// Methods of a generated AsyncService, each with the class of its calls, which is made from a
// CallPlace and the arguments given here.
template <typename Service>
class CallServiceBuilder {
 public:
  CallServiceBuilder() : service_(std::make_unique<Service>()) {}

  template <typename Call, typename Owner, typename... Arguments>
  CallServiceBuilder& Add(AskMethod<Owner, typename Call::Request, typename Call::Writer> method,
                          std::size_t ahead, const Arguments&... arguments) {
    const auto ask = [&service = *service_, method, arguments...](CallLoop& loop,
                                                                  CallSource& source) {
      auto* call = new Call(CallPlace{.loop = loop, .source = source}, arguments...);
      call->Ask([&](grpc::ServerContext& context, typename Call::Request& request,
                    typename Call::Writer& writer, CallLoop::Awaited* tag) {
        (service.*method)(&context, &request, &writer, loop.queue(), loop.queue(), tag);
      });
    };
    methods_.push_back(std::make_unique<CallSource>(ahead, ask));
    return *this;
  }

  CallService Build() { return {.service = std::move(service_), .methods = std::move(methods_)}; }

 private:
  std::unique_ptr<Service> service_;
  std::vector<std::unique_ptr<CallSource>> methods_;
};

}  // namespace firn::server
