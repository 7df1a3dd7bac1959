// SPDX-License-Identifier: Apache-2.0
#include "client/grpc_call.h"

#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace firn::client {
namespace {

std::string_view TrailerOf(const grpc::ClientContext& context, const char* name) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(name);
  return found == trailers.end() ? std::string_view()
                                 : std::string_view(found->second.data(), found->second.size());
}

std::uint64_t NumberOf(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

v1::ErrorDetail DetailOf(const grpc::ClientContext& context) {
  v1::ErrorDetail detail;
  v1::ErrorDetail::Reason reason = v1::ErrorDetail::REASON_UNSPECIFIED;
  if (v1::ErrorDetail::Reason_Parse(std::string(TrailerOf(context, "firn-reason")), &reason)) {
    detail.set_reason(reason);
  }
  detail.set_leader_id(NumberOf(TrailerOf(context, "firn-leader-id")));
  detail.set_leader_address(std::string(TrailerOf(context, "firn-leader")));
  detail.set_retry_after_ms(NumberOf(TrailerOf(context, "firn-retry-after-ms")));
  return detail;
}

}  // namespace

// With the lock held, so that none goes meanwhile; TryCancel only asks for an end.
void CallsUnderWay::CancelAll() {
  const MutexLock lock(mutex_);
  is_cancelled_ = true;
  for (grpc::ClientContext* context : contexts_) {
    context->TryCancel();
  }
}

void CallsUnderWay::AwaitNone() {
  const MutexLock lock(mutex_);
  while (count_ > 0) {
    left_.Wait(mutex_);
  }
}

void CallsUnderWay::Enter(grpc::ClientContext& context) {
  const MutexLock lock(mutex_);
  ++count_;
  contexts_.insert(&context);
  if (is_cancelled_) {
    context.TryCancel();
  }
}

void CallsUnderWay::Forget(grpc::ClientContext& context) {
  const MutexLock lock(mutex_);
  contexts_.erase(&context);
}

void CallsUnderWay::Leave() {
  const MutexLock lock(mutex_);
  --count_;
  left_.NotifyAll();
}

CallHold::CallHold(std::shared_ptr<CallsUnderWay> calls, std::shared_ptr<grpc::GenericStub> stub)
    : calls_(std::move(calls)), stub_(std::move(stub)) {
  context_.emplace();
  calls_->Enter(*context_);
}

CallHold::~CallHold() {
  calls_->Forget(*context_);
  context_.reset();
  stub_.reset();
  calls_->Leave();
}

gpr_timespec In(std::chrono::milliseconds delay) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(delay.count(), GPR_TIMESPAN));
}

Attempt AttemptOf(const grpc::Status& status, const grpc::ClientContext& context) {
  Attempt attempt{.code = static_cast<StatusCode>(status.error_code())};
  if (!status.ok()) {
    attempt.text = status.error_message();
    attempt.detail = DetailOf(context);
  }
  return attempt;
}

std::optional<std::string> BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) {
    return std::nullopt;
  }
  std::string bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace firn::client
