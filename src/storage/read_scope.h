// SPDX-License-Identifier: Apache-2.0
//
// Keeps what one read looks at alive. A read starts under an epoch guard, which costs nothing shared
// and must not outlast anything slow. Before the first disk read it trades the guard for references:
// to the owner of all the tables it may look at, and to the block it reads.
#pragma once

#include <memory>
#include <utility>

#include "base/epoch.h"

namespace firn {

// What owns the memtables and tables of a read: the engine's View. Always held by shared_ptr.
class ReadOwner : public std::enable_shared_from_this<ReadOwner> {
 public:
  virtual ~ReadOwner() = default;
};

class ReadScope {
 public:
  ReadScope() = default;

  // Says what LeaveEpoch has to keep. Before any table is read.
  void SetOwner(const ReadOwner* owner) { owner_ = owner; }

  bool in_epoch() const { return in_epoch_; }

  // From here on only references protect the read. Call before I/O; harmless when repeated.
  void LeaveEpoch() {
    if (in_epoch_) {
      owner_reference_ = owner_->shared_from_this();
      guard_.Leave();
      in_epoch_ = false;
    }
  }

  // Keeps `block` (a reference to a cached or private block) until the scope ends or another is
  // kept.
  void KeepBlock(std::shared_ptr<const void> block) { block_ = std::move(block); }
  const std::shared_ptr<const void>& block() const { return block_; }
  const std::shared_ptr<const ReadOwner>& owner_reference() const { return owner_reference_; }

 private:
  EpochGuard guard_;
  bool in_epoch_ = true;
  const ReadOwner* owner_ = nullptr;
  std::shared_ptr<const ReadOwner> owner_reference_;
  std::shared_ptr<const void> block_;
};

}  // namespace firn
