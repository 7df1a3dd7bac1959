// SPDX-License-Identifier: Apache-2.0
//
// One thread waits for what ends the node; a stop that takes much longer than it may, because a
// disk hangs, is cut short.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/mutex.h"
#include "base/propagate.h"
#include "cli/commands.h"
#include "cli/server_verbs.h"
#include "io/scheduler.h"
#include "server/log.h"
#include "server/process_limits.h"
#include "server/server.h"
#include "server/service_notice.h"
#include "server/stop_signals.h"
#include "server/whole_file.h"

namespace firn::cli {
namespace {

using server::Log;
using server::LogLevel;

// How long a stop may take beyond the time for requests under way.
constexpr std::chrono::milliseconds kStopGrace{20'000};
// Descriptors for tables, logs and peers.
constexpr std::size_t kOwnDescriptors = 512;

// What made the node end by itself. Thread-safe.
class Failure {
 public:
  void Set(const Error& error) FIRN_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    error_ = error;
  }
  std::optional<Error> Get() const FIRN_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return error_;
  }

 private:
  mutable Mutex mutex_;
  std::optional<Error> error_ FIRN_GUARDED_BY(mutex_);
};

const char* Describe(server::Arrival arrival) {
  switch (arrival) {
    case server::Arrival::kReturned: return "is back";
    case server::Arrival::kFounded: return "is the first of a new cluster";
    case server::Arrival::kJoined: return "has joined its cluster";
  }
  return "";
}

void Greet(const server::Server& node, const server::Config& config) {
  const server::ServerAddresses& addresses = node.addresses();
  const std::string cluster = FormatId(node.identity().cluster);
  std::printf("node %llu %s, cluster %s, data in %s\n",
              static_cast<unsigned long long>(node.identity().node.value), Describe(node.arrival()),
              cluster.c_str(), config.data.c_str());
  std::printf("  clients  %s%s\n", addresses.client.c_str(), config.tls.is_on() ? "  (TLS)" : "");
  std::printf("  peers    %s%s\n", addresses.peer.c_str(),
              config.peer_tls.is_on() ? "  (TLS)" : "");
  if (!addresses.http.empty()) {
    std::printf("  status   http://%s\n", addresses.http.c_str());
  }
  std::printf(
      "Talk to it from another terminal:\n"
      "  firn put --endpoints %s greeting hello\n"
      "  firn get --endpoints %s greeting\n"
      "Add a node:\n"
      "  firn serve --data firn-data-2 --listen 127.0.0.1:0 --peer-listen 127.0.0.1:0 "
      "--http-listen '' --join %s\n"
      "Ctrl-C stops this one.\n",
      addresses.client.c_str(), addresses.client.c_str(), addresses.client.c_str());
  std::fflush(stdout);
}

Result<void> WriteReadyFile(const server::Server& node, const std::string& path) {
  if (path.empty()) {
    return {};
  }
  const server::ServerAddresses& addresses = node.addresses();
  const nlohmann::json ready = {{"cluster", FormatId(node.identity().cluster)},
                                {"node", node.identity().node.value},
                                {"process", ::getpid()},
                                {"client", addresses.client},
                                {"peer", addresses.peer},
                                {"http", addresses.http}};
  return server::ReplaceFile(path, ready.dump() + "\n");
}

void LimitConnections(server::Config& config) {
  const std::size_t descriptors = server::RaiseDescriptorLimit();
  const auto wanted = static_cast<std::size_t>(config.limits.connections_max);
  if (wanted + kOwnDescriptors > descriptors) {
    config.limits.connections_max = static_cast<int>(std::max<std::size_t>(descriptors / 2, 1));
    Log(LogLevel::kWarning, "fewer connections than configured: raise the limit of open files",
        {{"open_files", std::to_string(descriptors)},
         {"connections_max", std::to_string(config.limits.connections_max)}});
  }
}

void Notify(std::string_view state) {
  if (const Result<void> told = server::NotifyServiceManager(state); !told) {
    Log(LogLevel::kWarning, "the service manager was not told", {{"why", told.error().context}});
  }
}

// Ends the process if it lives for so much longer.
void CutShortAfter(const std::shared_ptr<Scheduler>& scheduler, std::chrono::milliseconds limit) {
  scheduler->Every(limit, [] {
    Log(LogLevel::kError, "the stop takes too long and is cut short");
    ::_exit(kFailed);
  });
}

Result<void> Stop(std::unique_ptr<server::Server> node, const server::Config& config) {
  const std::shared_ptr<Scheduler> watchdog = MakeThreadScheduler();
  CutShortAfter(watchdog, config.drain + kStopGrace);
  Notify("STOPPING=1");
  FIRN_TRY(node->Drain());
  node.reset();
  return {};
}

Result<void> Serve(server::Config config) {
  FIRN_TRY_ASSIGN(server::StopSignals signals, server::StopSignals::Install());
  LimitConnections(config);
  Failure failure;
  FIRN_TRY_ASSIGN(
      std::unique_ptr<server::Server> node,
      server::Server::Start(config, {.on_failure =
                                         [&](const Error& error) {
                                           failure.Set(error);
                                           signals.Raise();
                                         },
                                     .is_stopping = [&] { return signals.HasReason(); }}));
  FIRN_TRY(WriteReadyFile(*node, config.ready_file));
  Greet(*node, config);
  Log(LogLevel::kInfo, "serving",
      {{"node", std::to_string(node->identity().node.value)},
       {"cluster", FormatId(node->identity().cluster)},
       {"clients", node->addresses().client},
       {"peers", node->addresses().peer},
       {"data", config.data}});
  Notify("READY=1");
  signals.Await();
  if (const std::optional<Error> error = failure.Get()) {
    const std::shared_ptr<Scheduler> watchdog = MakeThreadScheduler();
    CutShortAfter(watchdog, kStopGrace);
    Log(LogLevel::kError, "the node cannot go on", {{"why", error->Describe()}});
    node.reset();
    return *error;
  }
  Log(LogLevel::kInfo, "stopping", {{"within", std::to_string(config.drain.count()) + "ms"}});
  FIRN_TRY(Stop(std::move(node), config));
  Log(LogLevel::kInfo, "stopped");
  return {};
}

}  // namespace

int RunServe(const ServerArguments& arguments) {
  Result<server::LoadedConfig> loaded = LoadServerConfig(arguments);
  if (!loaded) {
    return FailUsage("serve", loaded.error());
  }
  const Result<void> served = Serve(loaded->config);
  return served ? kOk : Fail("serve", served.error());
}

}  // namespace firn::cli
