// SPDX-License-Identifier: Apache-2.0
//
// The right to commit, held by one thread at a time. A writer that finds it free takes it with one
// atomic operation and commits alone; one that finds it taken leaves its request in a list and lets
// the holder, the leader, commit it together with whatever else has gathered (flat combining,
// Hendler et al. 2010). Nobody hands anything over while there is no contention.
//
// The request lives on its writer's stack: the leader touches it no more once it is marked done.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "storage/entry.h"

namespace firn {

// What a replica says with a write, which it alone makes.
struct ReplicaWrite {
  SequenceNumber first_sequence;  // Of the first operation; above all before it.
  std::string_view state;         // Of the replica after it: AppliedPoint::state.
};

// One request for the leader: a single operation, an encoded batch, or something to run while
// nothing else commits.
struct CommitRequest {
  // A batch, in the encoding of docs/format/wal.md; or, when empty, the operation below.
  std::string_view operations;
  std::size_t operation_count = 1;
  Kind kind = Kind::kPut;
  std::string_view key;
  std::string_view value;

  std::optional<std::uint64_t> applied_index;
  const ReplicaWrite* replica = nullptr;
  bool may_wait =
      true;  // For memory, and to be slowed. Else memtables may grow beyond their limit.
  const std::function<Result<void>()>* exclusive = nullptr;

  Result<void> result;  // Set by the leader.

  std::size_t user_bytes() const {
    return operations.empty() ? key.size() + value.size() : operations.size();
  }

 private:
  friend class CommitQueue;
  enum State : std::uint32_t { kWaiting, kAsleep, kMayLead, kDone };
  std::atomic<std::uint32_t> state_{kWaiting};
  CommitRequest* next_ = nullptr;
};

class CommitQueue {
 public:
  using Group = std::vector<CommitRequest*>;

  // Returns when `own` is committed. `commit` is called with a group in order of arrival, on this
  // thread or another writer's, never by two threads at once, and sets every result.
  template <typename CommitGroup>
  void Commit(CommitRequest& own, CommitGroup&& commit) {
    if (TryLead()) {
      group_.push_back(&own);
      commit(group_);
      group_.clear();
      Lead(commit);
      return;
    }
    Push(own);
    for (;;) {
      if (TryLead()) {
        Lead(commit);
      }
      if (AwaitDone(own)) {
        return;
      }
    }
  }

 private:
  // After so many groups a leader makes one of the waiting writers the next one: its own request
  // was done in the first.
  static constexpr int kGroupsPerLeader = 16;

  bool TryLead() {
    std::uint32_t free = 0;
    return leading_.compare_exchange_strong(free, 1, std::memory_order_seq_cst);
  }

  // Commits what has gathered until nothing is left, then gives the right up. A writer that pushes
  // after the last look finds the right free, because its push and its try come in this order.
  template <typename CommitGroup>
  void Lead(CommitGroup&& commit) {
    for (int groups = 0;; ++groups) {
      if (groups >= kGroupsPerLeader && PassOn()) {
        return;
      }
      if (CommitRequest* newest = waiting_.exchange(nullptr, std::memory_order_seq_cst)) {
        TakeInOrder(newest);
        commit(group_);
        for (CommitRequest* request : group_) {
          MarkDone(*request);
        }
        group_.clear();
      }
      leading_.store(0, std::memory_order_seq_cst);
      if (waiting_.load(std::memory_order_seq_cst) == nullptr || !TryLead()) {
        return;
      }
    }
  }

  void Push(CommitRequest& own);
  void TakeInOrder(CommitRequest* newest);
  void MarkDone(CommitRequest& request);
  // Gives the right up and tells the oldest waiting writer to take it. False when nobody waits.
  bool PassOn();
  // True when `own` is done; false when its thread should try to lead.
  bool AwaitDone(CommitRequest& own);

  alignas(64) std::atomic<std::uint32_t> leading_{0};
  alignas(64) std::atomic<CommitRequest*> waiting_{nullptr};
  Group group_;  // Of the leader.
};

}  // namespace firn
