// SPDX-License-Identifier: Apache-2.0
//
// Keeps what one read looks at alive. A read starts under an epoch guard, which costs nothing
// shared and must not outlast anything slow. Before the first disk read it trades the guard for
// references: to the owner of all the tables it may look at, and to the block it reads.
#pragma once

#include <memory>
#include <utility>

#include "base/epoch.h"
#include "firn/result.h"
#include "storage/counted.h"

namespace firn {

// What owns the memtables and tables of a read: the engine's View. Always held by shared_ptr.
class ReadOwner : public std::enable_shared_from_this<ReadOwner> {
 public:
  virtual ~ReadOwner() = default;
};

class ReadScope {
 public:
  using BlockReference = CountedPointer<const Counted>;

  ReadScope() = default;

  // Says what LeaveEpoch has to keep. Before any table is read.
  void SetOwner(const ReadOwner* owner) { owner_ = owner; }

  // Whether blocks that this read fetches are worth caching. They are unless told otherwise.
  void SetFillCache(bool fill) { fill_cache_ = fill; }
  bool fill_cache() const { return fill_cache_; }

  // The read is to give up rather than wait for a disk.
  void StayInMemory() { stays_in_memory_ = true; }
  bool has_given_up() const { return has_given_up_; }

  bool in_epoch() const { return in_epoch_; }

  // From here on only references protect the read. Call before I/O; harmless when repeated.
  void LeaveEpoch() {
    if (in_epoch_) {
      owner_reference_ = owner_->shared_from_this();
      block_ = block();
      looked_at_ = nullptr;
      guard_.Leave();
      in_epoch_ = false;
    }
  }

  // Before the disk is read: leaves the epoch. An error, whose code says nothing: it must not be.
  Result<void> PrepareForDisk() {
    if (stays_in_memory_) {
      has_given_up_ = true;
      return Error{ErrorCode::kBusy, {}};
    }
    LeaveEpoch();
    return {};
  }

  // The answer lies in `block`, which the epoch protects so far. Requires in_epoch().
  void LookAt(const Counted& block) { looked_at_ = &block; }
  // The answer lies in `block`, which is kept until the scope ends or another is.
  void KeepBlock(BlockReference block) {
    looked_at_ = nullptr;
    block_ = std::move(block);
  }

  // For an answer that outlives the scope: a reference to the block it lies in, if it does.
  BlockReference block() const {
    return looked_at_ != nullptr ? BlockReference::Share(looked_at_) : block_;
  }
  // The owner of the memtables and tables of the read, once the epoch was left.
  const std::shared_ptr<const ReadOwner>& owner_reference() const { return owner_reference_; }

 private:
  EpochGuard guard_;
  bool in_epoch_ = true;
  bool fill_cache_ = true;
  bool stays_in_memory_ = false;
  bool has_given_up_ = false;
  const ReadOwner* owner_ = nullptr;
  const Counted* looked_at_ = nullptr;
  std::shared_ptr<const ReadOwner> owner_reference_;
  BlockReference block_;
};

}  // namespace firn
