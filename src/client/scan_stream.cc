// SPDX-License-Identifier: Apache-2.0
//
// Each page is a call of the Caller's, whose attempts read from the stream that is open or open
// one. So streams have the deadlines, the back-off and the choice of nodes that all calls have;
// only that a stream broke in the middle is judged here.
#include "client/scan_stream.h"

#include <string>
#include <utility>

#include "base/propagate.h"
#include "client/retry_policy.h"

namespace firn::client {

// Used by the thread that waits for a page and by the one that it waits for, in turn.
class ScanStream::Source {
 public:
  Source(std::shared_ptr<Caller> caller, v1::ScanRequest request, StreamOptions options)
      : caller_(std::move(caller)), request_(std::move(request)), options_(std::move(options)) {}

  bool is_complete() const { return is_complete_; }
  std::uint64_t state_changes() const { return state_changes_; }

  // Empty at the end.
  Reply<v1::ScanResponse> TakePage() {
    CallSetup setup{
        .method = {.path = "/firn.v1.KVService/ScanStream",
                   .is_slow = has_begun_ && !options_.may_change_state},
        .encode = [](const RequestTag&) { return std::string(); },
        .options = {.timeout = options_.timeout, .endpoint = options_.endpoint},
        .send = [this](const Sending& sending,
                       std::function<void(Attempt)> done) { Read(sending, std::move(done)); }};
    FIRN_TRY_ASSIGN(const Caller::Answer answer, caller_->Await(std::move(setup)));
    v1::ScanResponse page;
    if (!page.ParseFromString(answer.response)) {
      stream_.reset();
      return Failure{FailureKind::kServer, answer.endpoint + ": the response makes no sense"};
    }
    if (page.entries_size() > 0) {
      has_begun_ = true;
      ContinueAfter(page.entries(page.entries_size() - 1).key());
    }
    return page;
  }

 private:
  void Read(const Sending& sending, std::function<void(Attempt)> done) {
    if (stream_ == nullptr) {
      if (has_begun_ && !options_.may_change_state) {
        return done(Broken("the state that it was reading is gone"));
      }
      Open(sending);
    }
    stream_->Read(sending.timeout, [this, done = std::move(done)](Attempt attempt) {
      if (attempt.code != StatusCode::kOk) {
        stream_.reset();
        attempt = Judged(std::move(attempt));
      } else {
        state_changes_ += std::exchange(is_other_state_, false) ? 1 : 0;
        is_complete_ = attempt.is_end;
      }
      attempt.endpoint = endpoint_;
      done(std::move(attempt));
    });
  }

  void Open(const Sending& sending) {
    is_other_state_ = has_begun_;
    endpoint_ = sending.endpoint;
    Sending opening = sending;
    opening.request = request_.SerializeAsString();
    stream_ = caller_->transport().Open(std::move(opening));
  }

  // What has no remedy stays what it is, and a client that is closing says so by itself.
  Attempt Judged(Attempt attempt) const {
    const bool stands = !has_begun_ || options_.may_change_state ||
                        Diagnose(attempt).remedy == Remedy::kGiveUp || caller_->is_closing();
    return stands ? std::move(attempt) : Broken(attempt.text);
  }

  static Attempt Broken(const std::string& why) {
    return {.code = StatusCode::kAborted,
            .text = "the stream of the scan broke in the middle: " + why + "; begin the scan anew"};
  }

  void ContinueAfter(const std::string& last_key) {
    if (request_.reverse()) {
      request_.set_end(last_key);
    } else {
      request_.set_start(last_key + '\0');  // No key lies between.
    }
  }

  const std::shared_ptr<Caller> caller_;
  v1::ScanRequest request_;  // Of what has not come yet.
  const StreamOptions options_;
  std::unique_ptr<ResponseStream> stream_;
  std::string endpoint_;  // Of the stream.
  bool has_begun_ = false;
  bool is_complete_ = false;
  bool is_other_state_ = false;  // The stream's, if it answers at all.
  std::uint64_t state_changes_ = 0;
};

ScanStream::ScanStream(std::shared_ptr<Caller> caller, v1::ScanRequest request,
                       const StreamOptions& options)
    : source_(std::make_unique<Source>(std::move(caller), std::move(request), options)) {}
ScanStream::ScanStream(ScanStream&&) noexcept = default;
ScanStream& ScanStream::operator=(ScanStream&&) noexcept = default;
ScanStream::~ScanStream() = default;

Reply<std::optional<v1::KeyValue>> ScanStream::Next() {
  while (taken_ == page_.entries_size()) {
    if (source_->is_complete()) {
      return std::optional<v1::KeyValue>();
    }
    FIRN_TRY_ASSIGN(page_, source_->TakePage());
    taken_ = 0;
  }
  return std::optional(std::move(*page_.mutable_entries(taken_++)));
}

std::uint64_t ScanStream::state_changes() const { return source_->state_changes(); }

}  // namespace firn::client
