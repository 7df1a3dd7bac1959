// SPDX-License-Identifier: Apache-2.0
//
// The library accepts without end and queues what its threads have no time for. Here it waits
// before it accepts more, so that connections stay few however many come: the others wait in the
// kernel.
#include "server/http/http_server.h"

#include <httplib.h>

#include <atomic>
#include <exception>
#include <utility>

#include "base/mutex.h"
#include "base/propagate.h"
#include "io/scheduler.h"
#include "server/peer/network_address.h"

namespace firn::server {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kConnectionsMax = 16;
constexpr std::size_t kRequestBytesMax = 4096;
constexpr time_t kIdleSeconds = 1;
constexpr std::chrono::milliseconds kMoment{1};

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kIndex =
    "firn node\n\n"
    "/metrics        for Prometheus\n"
    "/livez          200 while the process works\n"
    "/readyz         200 while the node should be sent requests\n"
    "/api/v1/status  who it is and where it stands, in JSON\n";

class BoundedTasks final : public httplib::TaskQueue {
 public:
  BoundedTasks() : pool_(kThreads) {}

  void enqueue(std::function<void()> task) override {
    {
      MutexLock lock(mutex_);
      while (connections_ == kConnectionsMax) {
        changed_.Wait(mutex_);
      }
      ++connections_;
    }
    pool_.enqueue([this, task = std::move(task)] {
      task();
      MutexLock lock(mutex_);
      --connections_;
      changed_.NotifyAll();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  std::size_t connections_ FIRN_GUARDED_BY(mutex_) = 0;
  httplib::ThreadPool pool_;
};

// The library's own would let two processes share a port.
void SetSocketOptions(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

class HttpServer::Implementation {
 public:
  explicit Implementation(Setup setup) : setup_(std::move(setup)) {
    server_.new_task_queue = [] { return new BoundedTasks; };
    server_.set_socket_options(SetSocketOptions);
    server_.set_payload_max_length(kRequestBytesMax);
    server_.set_read_timeout(setup_.patience);
    server_.set_write_timeout(setup_.patience);
    server_.set_keep_alive_timeout(kIdleSeconds);
    server_.set_keep_alive_max_count(1);
    AddPages();
  }
  ~Implementation();

  Result<void> Bind();
  void Run();
  const std::string& address() const { return address_; }

 private:
  void AddPages();

  const Setup setup_;
  httplib::Server server_;
  std::string address_;
  std::atomic<bool> has_ended_ = false;
  std::shared_ptr<Scheduler> scheduler_;  // Its one task accepts. Null unless it runs.
};

void HttpServer::Implementation::AddPages() {
  using httplib::Request;
  using httplib::Response;
  server_.Get("/", [](const Request&, Response& response) { response.set_content(kIndex, kText); });
  server_.Get("/metrics", [this](const Request&, Response& response) {
    response.set_content(RenderMetrics(setup_.report()),
                         "text/plain; version=0.0.4; charset=utf-8");
  });
  server_.Get("/api/v1/status", [this](const Request&, Response& response) {
    response.set_content(RenderStatus(setup_.report()), "application/json");
  });
  server_.Get("/livez", [this](const Request&, Response& response) {
    const NodeReport report = setup_.report();
    const bool has_failed = report.replica.failure.has_value();
    response.status = has_failed ? 503 : 200;
    response.set_content(has_failed ? WhyNotReady(report) + "\n" : "ok\n", kText);
  });
  server_.Get("/readyz", [this](const Request&, Response& response) {
    const std::string reason = WhyNotReady(setup_.report());
    response.status = reason.empty() ? 200 : 503;
    response.set_content((reason.empty() ? "ok" : reason) + "\n", kText);
  });
}

Result<void> HttpServer::Implementation::Bind() {
  FIRN_TRY_ASSIGN(NetworkAddress address, ParseNetworkAddress(setup_.listen));
  if (address.port == 0) {
    const int port = server_.bind_to_any_port(address.host);
    address.port = static_cast<std::uint16_t>(port < 0 ? 0 : port);
  } else if (!server_.bind_to_port(address.host, address.port)) {
    address.port = 0;
  }
  if (address.port == 0) {
    return Error{ErrorCode::kIo,
                 "listen for HTTP on " + setup_.listen + " failed: choose another address"};
  }
  address_ = Format(address);
  return {};
}

// The library cannot be stopped before it runs.
void HttpServer::Implementation::Run() {
  scheduler_ = MakeThreadScheduler();
  scheduler_->Submit(Lane::kReplica, [this] {
    server_.listen_after_bind();
    has_ended_ = true;
  });
  while (!server_.is_running() && !has_ended_) {
    scheduler_->Pause(kMoment);
  }
}

HttpServer::Implementation::~Implementation() {
  server_.stop();
  scheduler_ = nullptr;  // Waits for its task.
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Setup setup) {
  try {
    std::unique_ptr<HttpServer> server(
        new HttpServer(std::make_unique<Implementation>(std::move(setup))));
    FIRN_TRY(server->implementation_->Bind());
    server->implementation_->Run();
    return server;
  } catch (const std::exception& error) {  // The library's.
    return Error{ErrorCode::kIo, std::string("HTTP server: ") + error.what()};
  }
}

HttpServer::HttpServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
HttpServer::~HttpServer() = default;

const std::string& HttpServer::address() const { return implementation_->address(); }

}  // namespace firn::server
