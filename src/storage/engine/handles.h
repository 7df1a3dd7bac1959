// SPDX-License-Identifier: Apache-2.0
//
// What the public handles hold. A snapshot, as an iterator, shares ownership of what it reads and
// of the directory's lock, so that it may outlive the Database it came from, and nobody changes the
// files under it.
#pragma once

#include <memory>

#include "firn/database.h"
#include "storage/engine/engine.h"
#include "storage/engine/snapshot_list.h"

namespace firn::internal {

class DatabaseHandle {
 public:
  explicit DatabaseHandle(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~DatabaseHandle() { static_cast<void>(engine_->Close()); }
  Engine& engine() const { return *engine_; }

 private:
  std::shared_ptr<Engine> engine_;
};

class SnapshotHandle {
 public:
  SnapshotHandle(std::shared_ptr<const Engine> engine, SnapshotList& list)
      : engine_(std::move(engine)),
        lock_(engine_->LockReference()),
        list_(list),
        sequence_(list.Take()) {}
  ~SnapshotHandle() { list_.Release(sequence_); }
  SnapshotHandle(const SnapshotHandle&) = delete;
  SnapshotHandle& operator=(const SnapshotHandle&) = delete;

  SequenceNumber sequence() const { return sequence_; }
  const Engine* engine() const { return engine_.get(); }

 private:
  const std::shared_ptr<const Engine> engine_;
  const std::shared_ptr<const FileLock> lock_;
  SnapshotList& list_;
  const SequenceNumber sequence_;
};

}  // namespace firn::internal
