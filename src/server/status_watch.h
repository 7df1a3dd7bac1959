// SPDX-License-Identifier: Apache-2.0
//
// Waits for the status of a replica to become what somebody asked for, by looking now and then: for
// rare requests such as a transfer of leadership, which ends somewhere in the cluster and is
// announced by nobody. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "replica/replica.h"

namespace firn::server {

class StatusWatch {
 public:
  // Both outlive it.
  StatusWatch(const Replica& replica, const Clock& clock) : replica_(replica), clock_(clock) {}

  struct Wish {
    std::function<bool(const ReplicaStatus&)> holds;
    std::chrono::nanoseconds limit{0};
    // Called once, from Poll or End: with true, and the status that fulfilled it, or with false.
    std::function<void(bool, const ReplicaStatus&)> done;
  };
  void Await(Wish wish) FIRN_EXCLUDES(mutex_);

  // To be called every few hundredths of a second. Cheap when nobody waits.
  void Poll() FIRN_EXCLUDES(mutex_);
  // Tells all who wait that it did not happen.
  void End() FIRN_EXCLUDES(mutex_);

 private:
  struct Waiting {
    Wish wish;
    std::chrono::nanoseconds due{0};
  };

  const Replica& replica_;
  const Clock& clock_;
  Mutex mutex_;
  std::vector<Waiting> waiting_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn::server
