// SPDX-License-Identifier: Apache-2.0
#include "server/health_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"

namespace firn::server {
namespace {

namespace health = grpc::health::v1;
using Response = health::HealthCheckResponse;

class CheckCall final : private CallLoop::Awaited {
 public:
  using Request = health::HealthCheckRequest;
  using Writer = grpc::ServerAsyncResponseWriter<Response>;

  CheckCall(const CallPlace& place, HealthBoard* board) : place_(place), board_(*board) {
    place_.loop.Joins();
  }
  ~CheckCall() { place_.loop.HasLeft(); }
  CheckCall(const CheckCall&) = delete;
  CheckCall& operator=(const CheckCall&) = delete;

  template <typename AskFor>
  void Ask(const AskFor& ask) {
    ask(context_, request_, writer_, tag());
  }

 private:
  void Happened(bool ok) override {
    if (has_begun_ || !ok) {
      const std::unique_ptr<CheckCall> ends(this);
      return;
    }
    has_begun_ = true;
    place_.source.Ask(place_.loop);
    if (!board_.Knows(request_.service())) {
      return writer_.FinishWithError({grpc::StatusCode::NOT_FOUND, "no such service"}, tag());
    }
    Response response;
    response.set_status(board_.is_serving() ? Response::SERVING : Response::NOT_SERVING);
    writer_.Finish(response, grpc::Status::OK, tag());
  }
  CallLoop::Awaited* tag() { return this; }

  const CallPlace place_;
  HealthBoard& board_;
  grpc::ServerContext context_;
  Request request_;
  Writer writer_{&context_};
  bool has_begun_ = false;
};

// Lives until gRPC says that the caller is gone: nothing else ends it. What the board has posted
// may come later, and keeps it.
class WatchCall final {
 public:
  using Request = health::HealthCheckRequest;
  using Writer = grpc::ServerAsyncWriter<Response>;

  WatchCall(const CallPlace& place, HealthBoard* board) : place_(place), board_(*board) {
    place_.loop.Joins();
  }
  ~WatchCall() { place_.loop.HasLeft(); }
  WatchCall(const WatchCall&) = delete;
  WatchCall& operator=(const WatchCall&) = delete;

  template <typename AskFor>
  void Ask(const AskFor& ask) {
    context_.AsyncNotifyWhenDone(done_.tag());
    ask(context_, request_, writer_, asked_.tag());
  }

 private:
  using Step = CallStep<WatchCall>;

  void IsAsked(bool ok) {
    if (!ok) {
      self_.reset();
      return;
    }
    place_.source.Ask(place_.loop);
    watcher_ =
        board_.Watch([self = self_] { self->place_.loop.Post([self] { self->TellNews(); }); });
    TellNews();
  }

  // One at a time; what changes meanwhile is told afterwards.
  void TellNews() {
    const Response::ServingStatus status = !board_.Knows(request_.service())
                                               ? Response::SERVICE_UNKNOWN
                                           : board_.is_serving() ? Response::SERVING
                                                                 : Response::NOT_SERVING;
    if (is_writing_ || is_done_ || told_ == status) {
      return;
    }
    told_ = status;
    is_writing_ = true;
    Response response;
    response.set_status(status);
    writer_.Write(response, written_.tag());
  }

  void IsWritten(bool ok) {
    is_writing_ = false;
    if (ok) {
      TellNews();
    }
    LeaveIfOver();
  }

  void IsDone(bool) {
    is_done_ = true;
    board_.Forget(watcher_);
    LeaveIfOver();
  }

  void LeaveIfOver() {
    if (is_done_ && !is_writing_) {
      self_.reset();
    }
  }

  const CallPlace place_;
  HealthBoard& board_;
  grpc::ServerContext context_;
  Request request_;
  Writer writer_{&context_};
  Step asked_{*this, &WatchCall::IsAsked};
  Step written_{*this, &WatchCall::IsWritten};
  Step done_{*this, &WatchCall::IsDone};
  std::shared_ptr<WatchCall> self_{this};
  std::uint64_t watcher_ = 0;
  std::optional<Response::ServingStatus> told_;
  bool is_writing_ = false;
  bool is_done_ = false;
};

}  // namespace

bool HealthBoard::is_serving() const {
  MutexLock lock(mutex_);
  return is_serving_;
}

void HealthBoard::SetServing(bool serving) {
  MutexLock lock(mutex_);
  if (std::exchange(is_serving_, serving) != serving) {
    for (const auto& [id, changed] : watchers_) {
      changed();
    }
  }
}

std::uint64_t HealthBoard::Watch(std::function<void()> changed) {
  MutexLock lock(mutex_);
  watchers_.emplace(++last_, std::move(changed));
  return last_;
}

void HealthBoard::Forget(std::uint64_t watcher) {
  MutexLock lock(mutex_);
  watchers_.erase(watcher);
}

CallService MakeHealthService(HealthBoard& board) {
  using Health = health::Health::AsyncService;
  constexpr std::size_t kAhead = 2;
  CallServiceBuilder<Health> service;
  service.Add<CheckCall>(&Health::RequestCheck, kAhead, &board)
      .Add<WatchCall>(&Health::RequestWatch, kAhead, &board);
  return service.Build();
}

}  // namespace firn::server
