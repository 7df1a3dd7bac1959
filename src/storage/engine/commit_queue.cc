// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/commit_queue.h"

#include <algorithm>
#include <thread>

namespace firn {
namespace {

// A group takes about as long as this many pauses; sleeping and waking costs several times that.
constexpr int kSpins = 200;

void PauseBriefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void CommitQueue::Push(CommitRequest& own) {
  own.next_ = waiting_.load(std::memory_order_relaxed);
  while (!waiting_.compare_exchange_weak(own.next_, &own, std::memory_order_seq_cst)) {
  }
}

void CommitQueue::TakeInOrder(CommitRequest* newest) {
  for (CommitRequest* request = newest; request != nullptr; request = request->next_) {
    group_.push_back(request);
  }
  std::reverse(group_.begin(), group_.end());
}

void CommitQueue::MarkDone(CommitRequest& request) {
  const std::uint32_t before =
      request.state_.exchange(CommitRequest::kDone, std::memory_order_acq_rel);
  if (before == CommitRequest::kAsleep) {
    request.state_.notify_one();
  }
}

bool CommitQueue::PassOn() {
  CommitRequest* oldest = waiting_.load(std::memory_order_seq_cst);
  if (oldest == nullptr) {
    return false;
  }
  // Requests stay where they are while we lead: only a leader completes one.
  while (oldest->next_ != nullptr) {
    oldest = oldest->next_;
  }
  const std::uint32_t before =
      oldest->state_.exchange(CommitRequest::kMayLead, std::memory_order_acq_rel);
  if (before == CommitRequest::kAsleep) {
    oldest->state_.notify_one();
  }
  leading_.store(0, std::memory_order_seq_cst);
  return true;
}

bool CommitQueue::AwaitDone(CommitRequest& own) {
  for (int i = 0; i < kSpins; ++i) {
    const std::uint32_t state = own.state_.load(std::memory_order_acquire);
    if (state == CommitRequest::kDone) {
      return true;
    }
    if (leading_.load(std::memory_order_relaxed) == 0) {
      return false;
    }
    PauseBriefly();
  }
  std::uint32_t state = CommitRequest::kWaiting;
  if (own.state_.compare_exchange_strong(state, CommitRequest::kAsleep,
                                         std::memory_order_seq_cst)) {
    own.state_.wait(CommitRequest::kAsleep, std::memory_order_acquire);
    state = own.state_.load(std::memory_order_acquire);
  }
  if (state == CommitRequest::kMayLead) {
    std::this_thread::yield();  // The old leader is about to give up the right: do not sleep.
  }
  return state == CommitRequest::kDone;
}

}  // namespace firn
