// SPDX-License-Identifier: Apache-2.0
//
// A world for clients in tests, all on one thread: nodes whose answers are written down in advance,
// and alarms that go off at once on a clock that jumps to their time.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/caller.h"

namespace firn::client {

inline Attempt Answer(const google::protobuf::MessageLite& response) {
  return {.code = StatusCode::kOk, .response = response.SerializeAsString()};
}

inline Attempt FailsBecause(v1::ErrorDetail::Reason reason, const std::string& leader = "",
                            std::uint64_t retry_after_ms = 0) {
  Attempt attempt{.code = StatusCode::kUnavailable, .text = "as scripted"};
  attempt.detail.set_reason(reason);
  attempt.detail.set_leader_address(leader);
  attempt.detail.set_retry_after_ms(retry_after_ms);
  return attempt;
}

inline Attempt FailsWith(StatusCode code) { return {.code = code, .text = "as scripted"}; }

inline Attempt EndOfStream() {
  Attempt attempt;
  attempt.is_end = true;
  return attempt;
}

// Gives the answers in their order; after the last one, silence. A stream that is opened is one of
// what is sent, and its readings take their answers from the same script.
class ScriptedTransport final : public Transport {
 public:
  void Send(Sending sending, std::function<void(Attempt)> done) override {
    sent.push_back(std::move(sending));
    Answer(std::move(done));
  }
  std::unique_ptr<ResponseStream> Open(Sending sending) override {
    class Stream final : public ResponseStream {
     public:
      explicit Stream(ScriptedTransport& transport) : transport_(transport) {}
      void Read(std::chrono::milliseconds timeout, std::function<void(Attempt)> done) override {
        transport_.readings.push_back(timeout);
        transport_.Answer(std::move(done));
      }

     private:
      ScriptedTransport& transport_;
    };
    sent.push_back(std::move(sending));
    return std::make_unique<Stream>(*this);
  }
  void Answer(std::function<void(Attempt)> done) {
    if (script.empty()) {
      waiting.push_back(std::move(done));
      return;
    }
    Attempt attempt = std::move(script.front());
    script.pop_front();
    done(std::move(attempt));
  }
  void CancelAll() override {
    for (auto& done : std::exchange(waiting, {})) {
      done(FailsWith(StatusCode::kCancelled));
    }
  }

  std::deque<Attempt> script;
  std::vector<Sending> sent;
  std::vector<std::chrono::milliseconds> readings;  // The timeouts of streams.
  std::vector<std::function<void(Attempt)>> waiting;
};

class JumpingAlarms final : public Alarms {
 public:
  explicit JumpingAlarms(std::shared_ptr<ManualClock> clock) : clock_(std::move(clock)) {}
  void After(std::chrono::milliseconds delay, std::function<void()> wake) override {
    delays.push_back(delay);
    clock_->Advance(delay);
    wake();
  }
  void CancelAll() override {}

  std::vector<std::chrono::milliseconds> delays;

 private:
  std::shared_ptr<ManualClock> clock_;
};

}  // namespace firn::client
