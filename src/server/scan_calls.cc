// SPDX-License-Identifier: Apache-2.0
#include "server/scan_calls.h"

#include <memory>
#include <optional>
#include <utility>

#include "firn/v1/kv.grpc.pb.h"
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

}  // namespace

void AwaitFreshness(Replica& replica, const v1::Consistency& consistency,
                    const std::function<void(Fate)>& reply) {
  if (consistency.has_stale()) {
    replica.ReadStale(consistency.stale().max_age_ms(), reply);
  } else {
    replica.Read(reply);
  }
}

// --- One page.

void ScanCall::Begin() {
  if (IsDraining()) {
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

std::optional<Refusal> ScanCall::Resume() {
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

void ScanCall::ReadFirstPage() {
  if (fate_ != Fate::kDone) {
    return Refuse(fate_, Asked::kRead);
  }
  state_ = PinNow(node_.replica);
  ReadPage();
}

void ScanCall::ReadPage() {
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
void ScanCall::Promise() {
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

// --- All pages.

ScanStreamCall::ScanStreamCall(const CallPlace& place, const UnaryCall::Kind& kind)
    : node_(kind.node), place_(place), method_(kind.method) {
  place_.loop.Joins();
}

// Of a call that was never made, gRPC does not say that it is done.
void ScanStreamCall::IsAsked(bool ok) {
  if (!ok) {
    const std::unique_ptr<ScanStreamCall> ends(this);
    return;
  }
  node_.counts.Begin();
  place_.source.Ask(place_.loop);
  Begin();
}

void ScanStreamCall::Begin() {
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

void ScanStreamCall::Open() {
  if (fate_ != Fate::kDone) {
    return Refuse(RefusalOf(fate_, Asked::kRead, LeaderOf(node_.replica)));
  }
  if (plan_.is_empty()) {
    return End(grpc::StatusCode::OK, grpc::Status::OK);
  }
  state_ = PinNow(node_.replica);
  iterator_.emplace(OpenScan(*state_, plan_));
  ReadPage();
}

void ScanStreamCall::ReadPage() {
  page_.Clear();
  const Result<bool> filled = FillPage(*iterator_, plan_, node_.limits.page_bytes_max, page_);
  if (!filled) {
    return Refuse(RefusalOf(filled.error()));
  }
  node_.streams.Touch(*watched_);
  if (*filled) {
    writer_.Write(page_, written_.tag());
  } else {
    node_.counts.Count(method_, grpc::StatusCode::OK);
    writer_.WriteAndFinish(page_, {}, grpc::Status::OK, ended_.tag());
  }
}

// A page that could not be sent is the last: the caller is gone, or was too slow.
void ScanStreamCall::IsWritten(bool ok) {
  if (ok) {
    node_.workers.Post([this] { ReadPage(); });
  } else {
    Refuse(Cancelled());
  }
}

void ScanStreamCall::End(grpc::StatusCode code, const grpc::Status& status) {
  node_.counts.Count(method_, code);
  writer_.Finish(status, ended_.tag());
}

void ScanStreamCall::IsEnded(bool) {
  has_ended_ = true;
  LeaveIfOver();
}

void ScanStreamCall::IsDone(bool) {
  is_done_ = true;
  LeaveIfOver();
}

// The iterator may close files: not in the loop.
void ScanStreamCall::LeaveIfOver() {
  if (!is_done_ || !has_ended_) {
    return;
  }
  if (watched_) {
    node_.streams.Remove(*watched_);
  }
  node_.counts.Done();
  node_.workers.Post([this] { const std::unique_ptr<ScanStreamCall> ends(this); });
}

}  // namespace firn::server
