// SPDX-License-Identifier: Apache-2.0
//
// The request ids of a client. A session is opened when the first write asks for an id, and again
// after the cluster has forgotten it. The cluster remembers the results of the last 1,024 sequences
// of a session, so no id is given out that is far ahead of one still in use: who asks then waits.
//
// Thread-safe. Calls back outside its lock, from within the call that made the id available.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <vector>

#include "base/mutex.h"
#include "client/failure.h"

namespace firn::client {

struct RequestTag {
  std::uint64_t session = 0;  // 0: without an id.
  std::uint64_t sequence = 0;

  friend bool operator==(const RequestTag&, const RequestTag&) = default;
};

class Sessions {
 public:
  static constexpr std::uint64_t kWindow = 768;  // Below what a session remembers, with room.

  // A failure: no session could be opened this time, for this reason.
  using Taker = std::function<void(const Reply<RequestTag>&)>;

  // `open` begins to open a session and ends in a call of Opened. It runs outside the lock, at most
  // once at a time.
  explicit Sessions(std::function<void()> open) : open_(std::move(open)) {}

  void Take(Taker taker) FIRN_EXCLUDES(mutex_);
  // The request is over, however it ended, and is not sent again.
  void Return(const RequestTag& tag) FIRN_EXCLUDES(mutex_);
  // With a failure all who wait are told.
  void Opened(const Reply<std::uint64_t>& session) FIRN_EXCLUDES(mutex_);
  // The cluster knows this session no more.
  void Expired(std::uint64_t session) FIRN_EXCLUDES(mutex_);
  // The one that is open; 0: none.
  std::uint64_t current() const FIRN_EXCLUDES(mutex_);

 private:
  struct Grant {
    Taker taker;
    Reply<RequestTag> tag;
  };
  // Serves those who wait, as far as the window allows; says whether a session has to be opened.
  bool Serve(std::vector<Grant>& grants) FIRN_REQUIRES(mutex_);
  void Hand(const std::vector<Grant>& grants, bool must_open) FIRN_EXCLUDES(mutex_);

  const std::function<void()> open_;
  mutable Mutex mutex_;
  std::uint64_t session_ FIRN_GUARDED_BY(mutex_) = 0;
  bool is_opening_ FIRN_GUARDED_BY(mutex_) = false;
  std::uint64_t last_sequence_ FIRN_GUARDED_BY(mutex_) = 0;
  std::set<std::uint64_t> in_use_ FIRN_GUARDED_BY(mutex_);
  std::deque<Taker> waiting_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn::client
