// SPDX-License-Identifier: Apache-2.0
//
// The call lives until gRPC has said its last word, whoever reads from it until its end or until
// the reader gives up. Reading starts outside gRPC's reactions, so a hold keeps gRPC from ending
// the call; it is given back when a reading finds nothing more, or when nobody will read any more.
#include "client/grpc_stream.h"

#include <grpcpp/alarm.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <optional>
#include <string>
#include <utility>

#include "base/check.h"

namespace firn::client {
namespace {

using std::chrono::milliseconds;
using Reactor = grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

class StreamCall final : public Reactor, public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(std::shared_ptr<CallsUnderWay> calls, std::shared_ptr<grpc::GenericStub> stub,
             const Sending& sending)
      : hold_(std::make_unique<CallHold>(std::move(calls), std::move(stub))) {
    const grpc::Slice slice(sending.request);
    request_ = grpc::ByteBuffer(&slice, 1);
  }

  void Begin(const Sending& sending) FIRN_EXCLUDES(mutex_) {
    self_ = shared_from_this();
    {
      const MutexLock lock(mutex_);
      grpc::ClientContext& context = hold_->context();
      if (!sending.may_forward) {
        context.AddMetadata("firn-forward", "no");
      }
      hold_->stub().PrepareBidiStreamingCall(&context, sending.path, grpc::StubOptions(), this);
    }
    AddHold();
    StartWriteLast(&request_, grpc::WriteOptions());
    StartCall();
  }

  void Read(milliseconds timeout, const std::function<void(Attempt)>& done) FIRN_EXCLUDES(mutex_) {
    std::optional<Attempt> end;
    {
      const MutexLock lock(mutex_);
      FIRN_CHECK(!done_);
      end = end_;
      if (!end) {
        done_ = done;
        SetAlarm(timeout);
      }
    }
    if (end) {
      return done(*end);
    }
    StartRead(&response_);
  }

  // Nobody will read any more.
  void Abandon() FIRN_EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (hold_) {
        hold_->context().TryCancel();
      }
    }
    ReleaseHold();
  }

  void OnReadDone(bool is_there) override FIRN_EXCLUDES(mutex_) {
    if (!is_there) {
      return ReleaseHold();  // How it ended comes next.
    }
    std::optional<std::string> bytes = BytesOf(response_);
    response_.Clear();
    TakeReader()(
        bytes ? Attempt{.response = *std::move(bytes)}
              : Attempt{.code = StatusCode::kInternal, .text = "the response cannot be read"});
  }

  // The last of all.
  void OnDone(const grpc::Status& status) override FIRN_EXCLUDES(mutex_) {
    const std::shared_ptr<StreamCall> self = std::move(self_);
    std::unique_ptr<CallHold> hold;
    bool is_late = false;
    {
      const MutexLock lock(mutex_);
      hold = std::move(hold_);
      is_late = is_late_;
    }
    Attempt end = AttemptOf(status, hold->context());
    hold.reset();  // Whoever is told may end the transport.
    end.is_end = status.ok();
    if (is_late && !status.ok()) {
      end = {.code = StatusCode::kDeadlineExceeded, .text = "nothing came in time"};
    }
    bool is_awaited = false;
    {
      const MutexLock lock(mutex_);
      end_ = end;
      is_awaited = done_ != nullptr;
    }
    if (is_awaited) {
      TakeReader()(std::move(end));
    }
  }

 private:
  std::function<void(Attempt)> TakeReader() FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ++reading_;
    alarm_->Cancel();
    return std::exchange(done_, nullptr);
  }

  void SetAlarm(milliseconds timeout) FIRN_REQUIRES(mutex_) {
    alarm_ = std::make_shared<grpc::Alarm>();
    alarm_->Set(In(timeout), [self = weak_from_this(), reading = reading_](bool is_due) {
      if (const auto call = self.lock(); call && is_due) {
        call->GiveUp(reading);
      }
    });
  }

  void GiveUp(std::uint64_t reading) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (reading == reading_ && hold_) {
      is_late_ = true;
      hold_->context().TryCancel();
    }
  }

  void ReleaseHold() FIRN_EXCLUDES(mutex_) {
    bool is_first = false;
    {
      const MutexLock lock(mutex_);
      is_first = !std::exchange(is_released_, true);
    }
    if (is_first) {
      RemoveHold();
    }
  }

  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::shared_ptr<StreamCall> self_;  // Until the end.
  Mutex mutex_;
  std::unique_ptr<CallHold> hold_ FIRN_GUARDED_BY(mutex_);  // Null at the end.
  std::function<void(Attempt)> done_ FIRN_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Alarm> alarm_ FIRN_GUARDED_BY(mutex_);  // Of the reading.
  std::uint64_t reading_ FIRN_GUARDED_BY(mutex_) = 0;
  bool is_late_ FIRN_GUARDED_BY(mutex_) = false;
  bool is_released_ FIRN_GUARDED_BY(mutex_) = false;
  std::optional<Attempt> end_ FIRN_GUARDED_BY(mutex_);
};

class GrpcStream final : public ResponseStream {
 public:
  explicit GrpcStream(std::shared_ptr<StreamCall> call) : call_(std::move(call)) {}
  ~GrpcStream() override { call_->Abandon(); }
  void Read(milliseconds timeout, std::function<void(Attempt)> done) override {
    call_->Read(timeout, done);
  }

 private:
  const std::shared_ptr<StreamCall> call_;
};

}  // namespace

std::unique_ptr<ResponseStream> OpenGrpcStream(std::shared_ptr<CallsUnderWay> calls,
                                               std::shared_ptr<grpc::GenericStub> stub,
                                               const Sending& sending) {
  auto call = std::make_shared<StreamCall>(std::move(calls), std::move(stub), sending);
  call->Begin(sending);
  return std::make_unique<GrpcStream>(std::move(call));
}

}  // namespace firn::client
