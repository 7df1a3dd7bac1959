// SPDX-License-Identifier: Apache-2.0
//
// What a node asks of the cluster that it joins: to be added, and to be given a vote. Each call
// asks the nodes it knows of, follows the leader where one is named, and goes on until it is
// answered, or refused for good, or told to stop.
//
// Calls block; Stop comes from another thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "consensus/types.h"
#include "firn/result.h"
#include "io/scheduler.h"
#include "replica/member.h"
#include "server/config.h"

namespace grpc {
class ChannelCredentials;
}

namespace firn::server {

class ClusterClient {
 public:
  struct Setup {
    std::shared_ptr<Scheduler> scheduler;  // For waiting.
    std::string endpoint;                  // Of any node.
    TlsFiles tls;                          // Of this node; on if the cluster's is.
    std::function<bool()> is_stopping;     // Asked between attempts. May be null.
  };
  // kNotFound, kIo: a certificate cannot be read.
  static Result<std::unique_ptr<ClusterClient>> Make(Setup setup);

  struct Admission {
    std::uint64_t cluster = 0;
    NodeId node;
    std::vector<std::pair<NodeId, Member>> members;
  };
  // Adds the node of this directory as a learner; the same again for one that was added before.
  // kInvalidArgument when the cluster refuses it, with the cluster's words; kClosed after Stop.
  Result<Admission> AddMember(const Member& member);
  // Until the learner has caught up and has its vote.
  Result<void> Promote(NodeId node);

  // Ends calls that are under way, soon.
  void Stop() FIRN_EXCLUDES(mutex_);

 private:
  ClusterClient(Setup setup, std::shared_ptr<grpc::ChannelCredentials> credentials)
      : setup_(std::move(setup)),
        credentials_(std::move(credentials)),
        endpoint_(setup_.endpoint) {}

  // Calls `attempt(stub, context)` until it is answered. `is_patient`: a refusal may pass.
  template <typename Attempt>
  Result<void> Persist(bool is_patient, const Attempt& attempt);
  // False: stopped.
  bool Pause() FIRN_EXCLUDES(mutex_);

  const Setup setup_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::string endpoint_;  // To be asked next. The calling thread's.

  Mutex mutex_;
  ConditionVariable changed_;
  bool stopped_ FIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace firn::server
