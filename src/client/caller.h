// SPDX-License-Identifier: Apache-2.0
//
// Runs calls: sends a request, judges what comes of it (retry_policy.h), and sends it again where
// that is right, until it has succeeded, failed for good, or run out of time. It knows paths and
// bytes, not message types; client.h puts the types on.
//
// Thread-safe. No lock is held while something is sent or anybody is called back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "client/endpoints.h"
#include "client/failure.h"
#include "client/methods.h"
#include "client/options.h"
#include "client/sessions.h"
#include "client/transport.h"

namespace firn::client {

struct CallSetup {
  MethodInfo method;
  // The request with this id in it. Called again only when a new session makes a new id.
  std::function<std::string(const RequestTag&)> encode;
  CallOptions options{};
  // How an attempt is made, where it is not by sending the request.
  std::function<void(Sending, std::function<void(Attempt)>)> send{};
};

// The world, as the client sees it.
struct Surroundings {
  std::shared_ptr<Transport> transport;
  std::shared_ptr<Alarms> alarms;
  std::shared_ptr<const Clock> clock;
  std::uint64_t seed = 0;
};

class Caller {
 public:
  // A response, and the node that it came from.
  struct Answer {
    std::string response;
    std::string endpoint;
  };
  using Done = std::function<void(Reply<Answer>)>;

  Caller(ClientOptions options, Surroundings surroundings);
  // As Close.
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // `done` is called exactly once, and must be short: it has a thread of the transport.
  void Start(CallSetup setup, Done done) FIRN_EXCLUDES(mutex_);
  // The same, and blocks until it has ended.
  Reply<Answer> Await(CallSetup setup) FIRN_EXCLUDES(mutex_);
  // Ends every call with kClosed, also those to come, and blocks until all have called back. Not
  // from within such a callback.
  void Close() FIRN_EXCLUDES(mutex_);

  std::string leader() const FIRN_EXCLUDES(mutex_);  // Empty: none is believed to lead.
  bool is_closing() const FIRN_EXCLUDES(mutex_);
  Transport& transport() const { return *world_.transport; }
  std::uint64_t session() const { return sessions_.current(); }

 private:
  class Call;

  void OpenSession();
  void Run(CallSetup setup, Done done, bool has_id) FIRN_EXCLUDES(mutex_);
  void CallEnds() FIRN_EXCLUDES(mutex_);

  const ClientOptions options_;
  const Surroundings world_;
  Sessions sessions_;
  mutable Mutex mutex_;
  ConditionVariable call_ended_;
  bool is_closing_ FIRN_GUARDED_BY(mutex_) = false;
  std::uint64_t calls_ FIRN_GUARDED_BY(mutex_) = 0;
  Endpoints endpoints_ FIRN_GUARDED_BY(mutex_);
  Random random_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn::client
