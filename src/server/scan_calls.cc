// SPDX-License-Identifier: Apache-2.0
#include "server/scan_calls.h"

#include <memory>
#include <optional>
#include <utility>

#include "server/page.h"
#include "server/unary_call.h"

namespace firn::server {
namespace {

constexpr std::uint64_t kStreamRetryMs = 1'000;

PinnedState PinNow(const Replica& replica) {
  std::shared_ptr<Engine> engine = replica.engine();
  Snapshot snapshot = engine->TakeSnapshot();
  return {.engine = std::move(engine), .snapshot = std::move(snapshot)};
}

class ScanCall final : public UnaryCall {
 public:
  ScanCall(const Call& call, const v1::ScanRequest& request, v1::ScanResponse& response)
      : UnaryCall(call), request_(request), response_(response) {}

  void Begin() {
    if (node_.draining.load(std::memory_order_relaxed)) {
      return Refuse(Draining());
    }
    auto plan = PlanOf(request_, node_.limits);
    if (const auto* refusal = std::get_if<Refusal>(&plan)) {
      return Refuse(*refusal);
    }
    plan_ = std::move(std::get<ScanPlan>(plan));
    if (!request_.page_token().empty()) {
      if (const auto refusal = Resume()) {
        return Refuse(*refusal);
      }
      return node_.workers.Post([this] { ReadPage(); });
    }
    AwaitFreshness(node_.replica, request_.consistency(), [this](Fate fate) {
      fate_ = fate;
      node_.workers.Post([this] { ReadFirstPage(); });
    });
  }

 private:
  std::optional<Refusal> Resume() {
    const auto token = TokenOf(request_, node_.seal, node_.id());
    if (const auto* refusal = std::get_if<Refusal>(&token)) {
      return *refusal;
    }
    const PageToken& left_off = std::get<PageToken>(token);
    pin_ = left_off.pin;
    state_ = node_.pins.Use(pin_);
    if (!state_) {
      return ScanExpired("the state at revision " + std::to_string(left_off.revision) +
                         " is not kept any more");
    }
    plan_.ContinueAfter(left_off.last_key);
    return std::nullopt;
  }

  void ReadFirstPage() {
    if (fate_ != Fate::kDone) {
      return Refuse(fate_, Asked::kRead);
    }
    state_ = PinNow(node_.replica);
    ReadPage();
  }

  void ReadPage() {
    if (context_.IsCancelled()) {
      return Refuse(Cancelled());
    }
    bool has_more = false;
    if (!plan_.is_empty()) {
      Iterator iterator = OpenScan(*state_, plan_);
      const Result<bool> filled = FillPage(iterator, plan_, node_.limits.page_bytes_max, response_);
      if (!filled) {
        return Refuse(RefusalOf(filled.error()));
      }
      has_more = *filled;
    }
    if (has_more) {
      Promise();
    } else if (pin_ != 0) {
      node_.pins.Finish(pin_);
    }
    Succeed();
  }

  // The next page.
  void Promise() {
    if (pin_ == 0) {
      pin_ = node_.pins.Add(*state_);
    }
    response_.set_next_page_token(
        node_.seal.Seal({.node = node_.id(),
                         .pin = pin_,
                         .revision = state_->snapshot.sequence(),
                         .query = QueryHash(request_),
                         .last_key = response_.entries(response_.entries_size() - 1).key()}));
  }

  const v1::ScanRequest& request_;
  v1::ScanResponse& response_;
  ScanPlan plan_;
  Fate fate_ = Fate::kStopped;
  std::uint64_t pin_ = 0;
  std::optional<PinnedState> state_;
};

// One thing happens at a time: a page is read, or written, or awaited.
class StreamCall final : public grpc::ServerWriteReactor<v1::ScanResponse> {
 public:
  StreamCall(const ServingNode& node, grpc::CallbackServerContext& context,
             const v1::ScanRequest& request)
      : node_(node), context_(context), request_(request) {
    node_.counts.Begin();
  }

  void Begin() {
    if (node_.draining.load(std::memory_order_relaxed)) {
      return Refuse(Draining());
    }
    auto plan = PlanOf(request_, node_.limits);
    if (const auto* refusal = std::get_if<Refusal>(&plan)) {
      return Refuse(*refusal);
    }
    if (!request_.page_token().empty()) {
      return Refuse(InvalidRequest("a stream takes no page token: use Scan"));
    }
    plan_ = std::move(std::get<ScanPlan>(plan));
    watched_ = node_.streams.Add([&context = context_] { context.TryCancel(); });
    if (!watched_) {
      return Refuse(Overloaded("too many scans are streamed", kStreamRetryMs));
    }
    AwaitFreshness(node_.replica, request_.consistency(), [this](Fate fate) {
      fate_ = fate;
      node_.workers.Post([this] { Open(); });
    });
  }

 private:
  void Count(grpc::StatusCode code) { node_.counts.Count(Method::kScanStream, code); }
  void Refuse(const Refusal& refusal) {
    Count(refusal.code);
    Finish(Refused(context_, refusal));
  }

  void Open() {
    if (fate_ != Fate::kDone) {
      return Refuse(RefusalOf(fate_, Asked::kRead, LeaderOf(node_.replica)));
    }
    if (plan_.is_empty()) {
      Count(grpc::StatusCode::OK);
      return Finish(grpc::Status::OK);
    }
    state_ = PinNow(node_.replica);
    iterator_.emplace(OpenScan(*state_, plan_));
    WritePage();
  }

  void WritePage() {
    if (context_.IsCancelled()) {
      return Refuse(Cancelled());
    }
    page_.Clear();
    const Result<bool> filled = FillPage(*iterator_, plan_, node_.limits.page_bytes_max, page_);
    if (!filled) {
      return Refuse(RefusalOf(filled.error()));
    }
    node_.streams.Touch(*watched_);
    if (*filled) {
      StartWrite(&page_);
    } else {
      is_last_ = true;
      Count(grpc::StatusCode::OK);
      StartWriteAndFinish(&page_, {}, grpc::Status::OK);
    }
  }

  void OnWriteDone(bool is_written) override {
    if (is_last_) {
      return;
    }
    if (is_written) {
      node_.workers.Post([this] { WritePage(); });
    } else {
      Refuse(Cancelled());
    }
  }

  // The iterator may close files: not on a thread of gRPC.
  void OnDone() override {
    if (watched_) {
      node_.streams.Remove(*watched_);
    }
    node_.counts.Done();
    node_.workers.Post([this] { const std::unique_ptr<StreamCall> ends(this); });
  }

  const ServingNode& node_;
  grpc::CallbackServerContext& context_;
  const v1::ScanRequest& request_;
  ScanPlan plan_;
  Fate fate_ = Fate::kStopped;
  std::optional<std::uint64_t> watched_;
  std::optional<PinnedState> state_;
  std::optional<Iterator> iterator_;  // Of the state.
  v1::ScanResponse page_;
  bool is_last_ = false;
};

}  // namespace

void AwaitFreshness(Replica& replica, const v1::Consistency& consistency,
                    const std::function<void(Fate)>& reply) {
  if (consistency.has_stale()) {
    replica.ReadStale(consistency.stale().max_age_ms(), reply);
  } else {
    replica.Read(reply);
  }
}

grpc::ServerUnaryReactor* StartScan(const UnaryCall::Call& call, const v1::ScanRequest& request,
                                    v1::ScanResponse& response) {
  auto* scan = new ScanCall(call, request, response);
  scan->Begin();
  return scan;
}

grpc::ServerWriteReactor<v1::ScanResponse>* StartScanStream(const ServingNode& node,
                                                            grpc::CallbackServerContext& context,
                                                            const v1::ScanRequest& request) {
  auto* call = new StreamCall(node, context, request);
  call->Begin();
  return call;
}

}  // namespace firn::server
