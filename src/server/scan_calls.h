// SPDX-License-Identifier: Apache-2.0
//
// Scans under way: one page at a time with tokens between them (Scan), or all pages as fast as they
// are taken (ScanStream). At most one page of each is in memory.
#pragma once

#include <memory>
#include <optional>

#include "firn/v1/kv.pb.h"
#include "server/page.h"
#include "server/serving_node.h"
#include "server/unary_call.h"

namespace firn::server {

// Answers once the store is as fresh as a read with this consistency needs.
void AwaitFreshness(Replica& replica, const v1::Consistency& consistency,
                    const std::function<void(Fate)>& reply);

// One page. It is read on a worker.
class ScanCall final : public TypedCall<v1::ScanRequest, v1::ScanResponse> {
 public:
  using TypedCall::TypedCall;

 private:
  void Begin() override;
  std::optional<Refusal> Resume();
  void ReadFirstPage();
  void ReadPage();
  void Promise();

  ScanPlan plan_;
  Fate fate_ = Fate::kStopped;
  std::uint64_t pin_ = 0;
  std::optional<PinnedState> state_;
};

// All pages. One thing happens at a time: a page is read, by a worker, or it is being sent.
class ScanStreamCall final {
 public:
  using Request = v1::ScanRequest;
  using Writer = grpc::ServerAsyncWriter<v1::ScanResponse>;

  ScanStreamCall(const CallPlace& place, const UnaryCall::Kind& kind);
  ~ScanStreamCall() { place_.loop.HasLeft(); }
  ScanStreamCall(const ScanStreamCall&) = delete;
  ScanStreamCall& operator=(const ScanStreamCall&) = delete;

  template <typename AskFor>
  void Ask(const AskFor& ask) {
    context_.AsyncNotifyWhenDone(done_.tag());
    ask(context_, request_, writer_, asked_.tag());
  }

 private:
  using Step = CallStep<ScanStreamCall>;

  // What happens.
  void IsAsked(bool ok);
  void IsWritten(bool ok);
  void IsEnded(bool ok);
  void IsDone(bool ok);

  void Begin();
  void Open();
  void ReadPage();
  void End(grpc::StatusCode code, const grpc::Status& status);
  void Refuse(const Refusal& refusal) { End(refusal.code, Refused(context_, refusal)); }
  void LeaveIfOver();

  const ServingNode& node_;
  const CallPlace place_;
  const Method method_;
  grpc::ServerContext context_;
  v1::ScanRequest request_;
  Writer writer_{&context_};
  Step asked_{*this, &ScanStreamCall::IsAsked};
  Step written_{*this, &ScanStreamCall::IsWritten};
  Step ended_{*this, &ScanStreamCall::IsEnded};
  Step done_{*this, &ScanStreamCall::IsDone};
  bool is_done_ = false;    // gRPC will not look at the context any more.
  bool has_ended_ = false;  // The last operation is over.

  ScanPlan plan_;
  Fate fate_ = Fate::kStopped;
  std::optional<std::uint64_t> watched_;
  std::optional<PinnedState> state_;
  std::optional<Iterator> iterator_;  // Of the state.
  v1::ScanResponse page_;
};

}  // namespace firn::server
