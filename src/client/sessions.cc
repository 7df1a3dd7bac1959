// SPDX-License-Identifier: Apache-2.0
#include "client/sessions.h"

#include <utility>

namespace firn::client {

bool Sessions::Serve(std::vector<Grant>& grants) {
  if (session_ == 0) {
    return !waiting_.empty() && !std::exchange(is_opening_, true);
  }
  while (!waiting_.empty() &&
         (in_use_.empty() || last_sequence_ - *in_use_.begin() + 1 < kWindow)) {
    ++last_sequence_;
    in_use_.insert(in_use_.end(), last_sequence_);
    grants.push_back(
        {std::move(waiting_.front()), RequestTag{.session = session_, .sequence = last_sequence_}});
    waiting_.pop_front();
  }
  return false;
}

void Sessions::Hand(const std::vector<Grant>& grants, bool must_open) {
  for (const Grant& grant : grants) {
    grant.taker(grant.tag);
  }
  if (must_open) {
    open_();
  }
}

void Sessions::Take(Taker taker) {
  std::vector<Grant> grants;
  bool must_open = false;
  {
    const MutexLock lock(mutex_);
    waiting_.push_back(std::move(taker));
    must_open = Serve(grants);
  }
  Hand(grants, must_open);
}

void Sessions::Return(const RequestTag& tag) {
  std::vector<Grant> grants;
  {
    const MutexLock lock(mutex_);
    if (tag.session != session_) {
      return;  // Its window went with it.
    }
    in_use_.erase(tag.sequence);
    Serve(grants);
  }
  Hand(grants, false);
}

void Sessions::Opened(const Reply<std::uint64_t>& session) {
  std::vector<Grant> grants;
  {
    const MutexLock lock(mutex_);
    is_opening_ = false;
    if (session) {
      session_ = *session;
      last_sequence_ = 0;
      in_use_.clear();
      Serve(grants);
    } else {
      for (Taker& taker : waiting_) {
        grants.push_back({std::move(taker), session.error()});
      }
      waiting_.clear();
    }
  }
  Hand(grants, false);
}

void Sessions::Expired(std::uint64_t session) {
  std::vector<Grant> grants;
  bool must_open = false;
  {
    const MutexLock lock(mutex_);
    if (session != session_) {
      return;
    }
    session_ = 0;
    must_open = Serve(grants);
  }
  Hand(grants, must_open);
}

std::uint64_t Sessions::current() const {
  const MutexLock lock(mutex_);
  return session_;
}

}  // namespace firn::client
