// SPDX-License-Identifier: Apache-2.0
//
// What is under way is held twice: by the callback that gRPC holds, and in a set by which it can be
// cancelled. The sets are shared with the callbacks, so that these may run after the transport
// went.
#include "client/grpc_transport.h"

#include <grpcpp/alarm.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <charconv>
#include <cstddef>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace firn::client {
namespace {

gpr_timespec In(std::chrono::milliseconds delay) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(delay.count(), GPR_TIMESPAN));
}

// Things under way that can be cancelled.
template <typename T>
class Pending {
 public:
  // False: it came after CancelAll, and nobody will cancel it.
  bool Add(T* thing) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    things_.insert(thing);
    return !is_cancelled_;
  }
  void Remove(T* thing) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    things_.erase(thing);
  }
  // With the lock held, so that none ends meanwhile; `cancel` only asks for an end.
  template <typename Cancel>
  void CancelAll(Cancel cancel) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    is_cancelled_ = true;
    for (T* thing : things_) {
      cancel(*thing);
    }
  }

 private:
  Mutex mutex_;
  bool is_cancelled_ FIRN_GUARDED_BY(mutex_) = false;
  std::unordered_set<T*> things_ FIRN_GUARDED_BY(mutex_);
};

struct Flight {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

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

Attempt AttemptOf(const grpc::Status& status, const Flight& flight) {
  Attempt attempt;
  attempt.code = static_cast<StatusCode>(status.error_code());
  if (!status.ok()) {
    attempt.text = status.error_message();
    attempt.detail = DetailOf(flight.context);
    return attempt;
  }
  std::vector<grpc::Slice> slices;
  if (!flight.response.Dump(&slices).ok()) {
    return {.code = StatusCode::kInternal, .text = "the response cannot be read"};
  }
  attempt.response.reserve(flight.response.Length());
  for (const grpc::Slice& slice : slices) {
    attempt.response.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return attempt;
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const TlsOptions& tls) {
  if (!tls.is_on) {
    return grpc::InsecureChannelCredentials();
  }
  return grpc::SslCredentials({.pem_root_certs = tls.authorities,
                               .pem_private_key = tls.key,
                               .pem_cert_chain = tls.certificate});
}

// A node that comes back is to be found within a second, and no proxy of the environment stands
// between a cluster and its clients.
grpc::ChannelArguments ChannelArguments(int connection) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);  // Also the time to connect in.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt("firn.connection", connection);
  arguments.SetMaxReceiveMessageSize(-1);  // The node bounds what it sends.
  return arguments;
}

class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(const ClientOptions& options)
      : credentials_(CredentialsFor(options.tls)),
        connections_(static_cast<std::size_t>(std::max(options.connections, 1))) {}

  void Send(Sending sending, std::function<void(Attempt)> done) override {
    auto flight = std::make_shared<Flight>();
    flight->context.set_deadline(In(sending.timeout));
    if (!sending.may_forward) {
      flight->context.AddMetadata("firn-forward", "no");
    }
    const grpc::Slice slice(sending.request);
    flight->request = grpc::ByteBuffer(&slice, 1);
    const std::shared_ptr<grpc::GenericStub> stub = StubFor(sending.endpoint);
    if (!pending_->Add(flight.get())) {
      flight->context.TryCancel();
    }
    stub->UnaryCall(
        &flight->context, sending.path, grpc::StubOptions(), &flight->request, &flight->response,
        [flight, pending = pending_, done = std::move(done)](const grpc::Status& status) {
          pending->Remove(flight.get());
          done(AttemptOf(status, *flight));
        });
  }

  void CancelAll() override {
    pending_->CancelAll([](Flight& flight) { flight.context.TryCancel(); });
  }

 private:
  // The channels of one node, taken in turn.
  struct Node {
    std::vector<std::shared_ptr<grpc::GenericStub>> stubs;
    std::size_t turn = 0;
  };

  std::shared_ptr<grpc::GenericStub> StubFor(const std::string& endpoint) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    Node& node = nodes_[endpoint];
    const std::size_t turn = node.turn++ % connections_;
    if (turn == node.stubs.size()) {
      node.stubs.push_back(std::make_shared<grpc::GenericStub>(grpc::CreateCustomChannel(
          endpoint, credentials_, ChannelArguments(static_cast<int>(turn)))));
    }
    return node.stubs[turn];
  }

  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const std::size_t connections_;
  const std::shared_ptr<Pending<Flight>> pending_ = std::make_shared<Pending<Flight>>();
  Mutex mutex_;
  std::map<std::string, Node> nodes_ FIRN_GUARDED_BY(mutex_);
};

class GrpcAlarms final : public Alarms {
 public:
  void After(std::chrono::milliseconds delay, std::function<void()> wake) override {
    auto alarm = std::make_shared<grpc::Alarm>();
    if (!pending_->Add(alarm.get())) {
      delay = std::chrono::milliseconds(0);
    }
    alarm->Set(In(delay), [alarm, pending = pending_, wake = std::move(wake)](bool) {
      pending->Remove(alarm.get());
      wake();
    });
  }

  void CancelAll() override {
    pending_->CancelAll([](grpc::Alarm& alarm) { alarm.Cancel(); });
  }

 private:
  const std::shared_ptr<Pending<grpc::Alarm>> pending_ = std::make_shared<Pending<grpc::Alarm>>();
};

}  // namespace

std::shared_ptr<Transport> MakeGrpcTransport(const ClientOptions& options) {
  return std::make_shared<GrpcTransport>(options);
}

std::shared_ptr<Alarms> MakeGrpcAlarms() { return std::make_shared<GrpcAlarms>(); }

}  // namespace firn::client
