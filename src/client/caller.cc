// SPDX-License-Identifier: Apache-2.0
//
// A call lives in the callbacks that hold it: of the session desk, the transport and the alarms.
// Only one of them is outstanding at any time, so its members need no lock.
#include "client/caller.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "client/retry_policy.h"

namespace firn::client {
namespace {

using std::chrono::milliseconds;

// News of a leader are followed at once so often; then two nodes may name each other in turn.
constexpr int kHopsAtOnceMax = 3;
// From this attempt on a node may pass the request on to a leader that this client cannot reach.
constexpr int kAttemptsBeforeForwarding = 3;

}  // namespace

class Caller::Call : public std::enable_shared_from_this<Call> {
 public:
  Call(Caller& caller, CallSetup setup, Done done, bool has_id)
      : caller_(caller), setup_(std::move(setup)), done_(std::move(done)), has_id_(has_id) {
    const milliseconds timeout =
        setup_.options.timeout.count() > 0 ? setup_.options.timeout : caller_.options_.timeout;
    deadline_ = caller_.world_.clock->Now() + timeout;
  }

  void Prepare() {
    if (!has_id_ || tag_.session != 0) {
      return Send();
    }
    caller_.sessions_.Take(
        [self = shared_from_this()](const Reply<RequestTag>& tag) { self->Identified(tag); });
  }

 private:
  milliseconds Remaining() const {
    return std::chrono::duration_cast<milliseconds>(deadline_ - caller_.world_.clock->Now());
  }

  bool MayRepeat() const { return setup_.method.repeat == Repeat::kFreely || tag_.session != 0; }

  void Identified(const Reply<RequestTag>& tag) {
    if (tag) {
      tag_ = *tag;
      request_.clear();
      return Send();
    }
    problem_ = "no session could be opened: " + tag.error().context;
    if (tag.error().kind != FailureKind::kUnavailable) {
      return Fail(tag.error().kind, problem_);
    }
    Wait(milliseconds(0));
  }

  void Send() {
    if (caller_.is_closing()) {
      return Fail(FailureKind::kClosed, "the client was closed");
    }
    const milliseconds remaining = Remaining();
    if (remaining.count() <= 0) {
      return OutOfTime();
    }
    if (request_.empty()) {
      request_ = setup_.encode(tag_);
    }
    Sending sending{
        .path = setup_.method.path, .endpoint = setup_.options.endpoint, .request = request_};
    if (sending.endpoint.empty()) {
      const MutexLock lock(caller_.mutex_);
      sending.endpoint = caller_.endpoints_.Next();
    }
    sending.timeout =
        setup_.method.is_slow ? remaining : std::min(remaining, caller_.options_.attempt_timeout);
    sending.may_forward = attempts_++ >= kAttemptsBeforeForwarding;
    endpoint_ = sending.endpoint;
    auto done = [self = shared_from_this()](Attempt attempt) {
      self->Attempted(std::move(attempt));
    };
    if (setup_.send) {
      return setup_.send(std::move(sending), std::move(done));
    }
    caller_.world_.transport->Send(std::move(sending), std::move(done));
  }

  void Attempted(Attempt attempt) {
    if (!attempt.endpoint.empty()) {
      endpoint_ = attempt.endpoint;
    }
    if (attempt.code == StatusCode::kOk) {
      if (setup_.options.endpoint.empty()) {
        const MutexLock lock(caller_.mutex_);
        caller_.endpoints_.Serves(endpoint_);
      }
      return Finish(Answer{.response = std::move(attempt.response), .endpoint = endpoint_});
    }
    problem_ = endpoint_ + ": " + attempt.text;
    const Diagnosis diagnosis = Diagnose(attempt);
    perhaps_done_ |= diagnosis.perhaps_done;
    if (diagnosis.remedy == Remedy::kGiveUp) {
      // What came before may have been done, whatever is said of it now.
      const bool is_unknown = perhaps_done_ && setup_.method.repeat != Repeat::kFreely &&
                              diagnosis.kind == FailureKind::kRefused;
      return Fail(is_unknown ? FailureKind::kUnknownOutcome : diagnosis.kind, problem_);
    }
    if (perhaps_done_ && !MayRepeat()) {
      return Fail(FailureKind::kUnknownOutcome, problem_);
    }
    Remedied(diagnosis.remedy, attempt.detail);
  }

  void Remedied(Remedy remedy, const v1::ErrorDetail& detail) {
    switch (remedy) {
      case Remedy::kAskLeader: return AskLeader(detail.leader_address());
      case Remedy::kAskOther: return AskOther();
      case Remedy::kRenewSession: return RenewSession();
      case Remedy::kAskSame:
      case Remedy::kGiveUp: break;
    }
    // Hours would be as good as never.
    Wait(milliseconds(std::min<std::uint64_t>(detail.retry_after_ms(), 60'000)));
  }

  void AskLeader(const std::string& leader) {
    if (!setup_.options.endpoint.empty()) {
      return Fail(FailureKind::kRefused, problem_);
    }
    {
      const MutexLock lock(caller_.mutex_);
      caller_.endpoints_.Leads(leader);
    }
    if (leader != endpoint_ && hops_at_once_++ < kHopsAtOnceMax) {
      return Send();
    }
    Wait(milliseconds(0));
  }

  void AskOther() {
    {
      const MutexLock lock(caller_.mutex_);
      caller_.endpoints_.Fails(endpoint_);
    }
    Wait(milliseconds(0));
  }

  void RenewSession() {
    caller_.sessions_.Expired(tag_.session);
    if (perhaps_done_ || tag_.session == 0) {
      return Fail(FailureKind::kUnknownOutcome, problem_);
    }
    tag_ = {};
    if (renewals_++ == 0) {
      return Prepare();
    }
    Wait(milliseconds(0));
  }

  // The next attempt, after a back-off of at least so long.
  void Wait(milliseconds least) {
    milliseconds wait = least;
    bool is_closing = false;
    {
      const MutexLock lock(caller_.mutex_);
      wait += BackOff(caller_.options_.back_off, waits_++, caller_.random_);
      is_closing = caller_.is_closing_;
    }
    if (is_closing) {
      return Fail(FailureKind::kClosed, problem_);
    }
    if (wait >= Remaining()) {
      return OutOfTime();
    }
    caller_.world_.alarms->After(wait, [self = shared_from_this()] { self->Prepare(); });
  }

  void OutOfTime() {
    Fail(perhaps_done_ && setup_.method.repeat != Repeat::kFreely ? FailureKind::kUnknownOutcome
                                                                  : FailureKind::kUnavailable,
         problem_.empty() ? "no time was left" : problem_);
  }

  void Fail(FailureKind kind, const std::string& context) { Finish(Failure{kind, context}); }

  void Finish(Reply<Answer> reply) {
    if (tag_.session != 0) {
      caller_.sessions_.Return(tag_);
    }
    done_(std::move(reply));
    caller_.CallEnds();
  }

  Caller& caller_;  // Outlives every call.
  const CallSetup setup_;
  const Done done_;
  const bool has_id_;
  std::chrono::nanoseconds deadline_{0};
  RequestTag tag_;
  std::string request_;
  std::string endpoint_;  // Of the last attempt.
  std::string problem_;   // With the last attempt.
  bool perhaps_done_ = false;
  int attempts_ = 0;
  int hops_at_once_ = 0;
  int renewals_ = 0;
  int waits_ = 0;
};

Caller::Caller(ClientOptions options, Surroundings surroundings)
    : options_(std::move(options)),
      world_(std::move(surroundings)),
      sessions_([this] { OpenSession(); }),
      endpoints_(options_.endpoints),
      random_(world_.seed) {}

Caller::~Caller() { Close(); }

void Caller::Close() {
  {
    const MutexLock lock(mutex_);
    is_closing_ = true;
  }
  world_.transport->CancelAll();
  world_.alarms->CancelAll();
  const MutexLock lock(mutex_);
  while (calls_ > 0) {
    call_ended_.Wait(mutex_);
  }
}

void Caller::Start(CallSetup setup, Done done) {
  const bool has_id = options_.has_request_ids && setup.method.repeat == Repeat::kWithRequestId;
  Run(std::move(setup), std::move(done), has_id);
}

// The callback may still be leaving when the waiter goes on, so both share what they meet in.
Reply<Caller::Answer> Caller::Await(CallSetup setup) {
  struct Meeting {
    Mutex mutex;
    ConditionVariable done;
    std::optional<Reply<Answer>> answer FIRN_GUARDED_BY(mutex);
  };
  const auto meeting = std::make_shared<Meeting>();
  Start(std::move(setup), [meeting](Reply<Answer> answer) {
    const MutexLock lock(meeting->mutex);
    meeting->answer = std::move(answer);
    meeting->done.NotifyOne();
  });
  const MutexLock lock(meeting->mutex);
  while (!meeting->answer) {
    meeting->done.Wait(meeting->mutex);
  }
  return *std::move(meeting->answer);
}

void Caller::Run(CallSetup setup, Done done, bool has_id) {
  {
    const MutexLock lock(mutex_);
    ++calls_;
  }
  std::make_shared<Call>(*this, std::move(setup), std::move(done), has_id)->Prepare();
}

// Given the time of one attempt, so that a write with little time does not wait for long for one
// that has much: each of them asks again.
void Caller::OpenSession() {
  CallSetup setup{.method = MethodOf<v1::OpenSessionRequest>::kInfo,
                  .encode = [](const RequestTag&) { return std::string(); },
                  .options = {.timeout = options_.attempt_timeout}};
  Run(
      std::move(setup),
      [this](const Reply<Answer>& reply) {
        if (!reply) {
          return sessions_.Opened(reply.error());
        }
        v1::OpenSessionResponse opened;
        if (!opened.ParseFromString(reply->response) || opened.session() == 0) {
          return sessions_.Opened(
              Failure{FailureKind::kServer, reply->endpoint + ": this is no session"});
        }
        sessions_.Opened(opened.session());
      },
      false);
}

void Caller::CallEnds() {
  const MutexLock lock(mutex_);
  --calls_;
  call_ended_.NotifyAll();
}

bool Caller::is_closing() const {
  const MutexLock lock(mutex_);
  return is_closing_;
}

std::string Caller::leader() const {
  const MutexLock lock(mutex_);
  return endpoints_.leader();
}

}  // namespace firn::client
