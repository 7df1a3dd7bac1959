// SPDX-License-Identifier: Apache-2.0
//
// Cancelling happens under the mutex, against the rule: that is what keeps the stream from ending,
// and its context from going, in the midst of it. gRPC only marks the call and reports from a
// thread of its own.
#include "server/stream_watch.h"

#include <utility>

namespace firn::server {

std::optional<std::uint64_t> StreamWatch::Add(std::function<void()> cancel) {
  const std::chrono::nanoseconds due = clock_.Now() + bounds_.idle_max;
  MutexLock lock(mutex_);
  if (streams_.size() >= bounds_.count_max) {
    return std::nullopt;
  }
  streams_.emplace(++last_, Stream{.cancel = std::move(cancel), .due = due});
  return last_;
}

void StreamWatch::Touch(std::uint64_t stream) {
  const std::chrono::nanoseconds due = clock_.Now() + bounds_.idle_max;
  MutexLock lock(mutex_);
  if (const auto found = streams_.find(stream); found != streams_.end()) {
    found->second.due = due;
  }
}

void StreamWatch::Remove(std::uint64_t stream) {
  MutexLock lock(mutex_);
  streams_.erase(stream);
}

void StreamWatch::Sweep() {
  const std::chrono::nanoseconds now = clock_.Now();
  MutexLock lock(mutex_);
  for (auto& [id, stream] : streams_) {
    if (stream.due < now && stream.cancel) {
      std::exchange(stream.cancel, nullptr)();
    }
  }
}

std::size_t StreamWatch::size() const {
  MutexLock lock(mutex_);
  return streams_.size();
}

}  // namespace firn::server
