// SPDX-License-Identifier: Apache-2.0
//
// Health (proto/grpc/health/v1/health.proto) in the loops of the other calls. gRPC's own would
// bring a queue and threads with it, and take half of all connections to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/mutex.h"
#include "server/call_service.h"

namespace firn::server {

// Whether the server serves, and who is to be told when that changes. All services have one health.
// Thread-safe.
class HealthBoard {
 public:
  // Besides "", the server as a whole.
  explicit HealthBoard(std::set<std::string> services) : services_(std::move(services)) {}

  bool Knows(const std::string& service) const {
    return service.empty() || services_.contains(service);
  }
  bool is_serving() const FIRN_EXCLUDES(mutex_);
  void SetServing(bool serving) FIRN_EXCLUDES(mutex_);

  // `changed` is called under a mutex, until Forget has returned: it hands the news on.
  std::uint64_t Watch(std::function<void()> changed) FIRN_EXCLUDES(mutex_);
  void Forget(std::uint64_t watcher) FIRN_EXCLUDES(mutex_);

 private:
  const std::set<std::string> services_;
  mutable Mutex mutex_;
  bool is_serving_ FIRN_GUARDED_BY(mutex_) = false;
  std::uint64_t last_ FIRN_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::function<void()>> watchers_ FIRN_GUARDED_BY(mutex_);
};

// The board outlives the service.
CallService MakeHealthService(HealthBoard& board);

}  // namespace firn::server
