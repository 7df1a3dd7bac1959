// SPDX-License-Identifier: Apache-2.0
//
// What is under way is held twice: by the callback that gRPC holds, and in a set by which it can be
// cancelled.
#include "client/grpc_transport.h"

#include <grpcpp/alarm.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "client/grpc_call.h"
#include "client/grpc_stream.h"

namespace firn::client {
namespace {

struct Flight {
  Flight(std::shared_ptr<CallsUnderWay> calls, std::shared_ptr<grpc::GenericStub> stub)
      : hold(std::move(calls), std::move(stub)) {}

  CallHold hold;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

Attempt Landed(const grpc::Status& status, Flight& flight) {
  Attempt attempt = AttemptOf(status, flight.hold.context());
  if (status.ok()) {
    std::optional<std::string> response = BytesOf(flight.response);
    if (!response) {
      return {.code = StatusCode::kInternal, .text = "the response cannot be read"};
    }
    attempt.response = *std::move(response);
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

  ~GrpcTransport() override { calls_->AwaitNone(); }

  void Send(Sending sending, std::function<void(Attempt)> done) override {
    auto flight = std::make_shared<Flight>(calls_, StubFor(sending.endpoint));
    grpc::ClientContext& context = flight->hold.context();
    context.set_deadline(In(sending.timeout));
    if (!sending.may_forward) {
      context.AddMetadata("firn-forward", "no");
    }
    const grpc::Slice slice(sending.request);
    flight->request = grpc::ByteBuffer(&slice, 1);
    flight->hold.stub().UnaryCall(
        &context, sending.path, grpc::StubOptions(), &flight->request, &flight->response,
        [flight, done = std::move(done)](const grpc::Status& status) mutable {
          Attempt attempt = Landed(status, *flight);
          flight.reset();  // Whoever is told may end the transport.
          done(std::move(attempt));
        });
  }

  std::unique_ptr<ResponseStream> Open(Sending sending) override {
    return OpenGrpcStream(calls_, StubFor(sending.endpoint), sending);
  }

  void CancelAll() override { calls_->CancelAll(); }

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
  const std::shared_ptr<CallsUnderWay> calls_ = std::make_shared<CallsUnderWay>();
  Mutex mutex_;
  std::map<std::string, Node> nodes_ FIRN_GUARDED_BY(mutex_);
};

// Alarms that wait are shared with their callbacks, which may run after GrpcAlarms went. A callback
// does not hold its alarm, which keeps the callback for as long as it lives.
class GrpcAlarms final : public Alarms {
 public:
  void After(std::chrono::milliseconds delay, std::function<void()> wake) override {
    const auto alarm = std::make_shared<grpc::Alarm>();
    const MutexLock lock(waiting_->mutex);  // What is set later is not missed by CancelAll.
    waiting_->alarms.emplace(alarm.get(), alarm);
    alarm->Set(In(waiting_->is_cancelled ? std::chrono::milliseconds(0) : delay),
               [key = alarm.get(), waiting = waiting_, wake = std::move(wake)](bool) {
                 waiting->Remove(key);
                 wake();
               });
  }

  void CancelAll() override {
    const MutexLock lock(waiting_->mutex);
    waiting_->is_cancelled = true;
    for (const auto& [key, alarm] : waiting_->alarms) {
      alarm->Cancel();
    }
  }

 private:
  struct Waiting {
    void Remove(grpc::Alarm* key) FIRN_EXCLUDES(mutex) {
      const MutexLock lock(mutex);
      alarms.erase(key);
    }

    Mutex mutex;
    bool is_cancelled FIRN_GUARDED_BY(mutex) = false;
    std::unordered_map<grpc::Alarm*, std::shared_ptr<grpc::Alarm>> alarms FIRN_GUARDED_BY(mutex);
  };

  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace

std::shared_ptr<Transport> MakeGrpcTransport(const ClientOptions& options) {
  return std::make_shared<GrpcTransport>(options);
}

std::shared_ptr<Alarms> MakeGrpcAlarms() { return std::make_shared<GrpcAlarms>(); }

}  // namespace firn::client
