// SPDX-License-Identifier: Apache-2.0
//
// A number given to a segment made ready may be overtaken: an oversized record, or one that came
// while the file was being made, takes the next. The file is then of no use under its number;
// it has no header, so no chain holds it, and it goes with the others below some later `min_live`.
#include "storage/wal/segment_pool.h"

#include <algorithm>

#include "base/check.h"
#include "base/page.h"
#include "base/propagate.h"
#include "storage/wal/log_format.h"

namespace firn::wal {

SegmentPool::SegmentPool(Setup setup)
    : setup_(std::move(setup)), next_(setup_.next), existing_(setup_.existing) {
  FIRN_CHECK(existing_.empty() || existing_.back() < next_, next_);
}

SegmentPool::~SegmentPool() {
  MutexLock lock(mutex_);
  if (ready_) {
    ready_->file.reset();
    // It holds nothing: should it stay, the next replay passes over it.
    static_cast<void>(setup_.files.Delete(PathOf(ready_->number)).has_value());
  }
}

std::string SegmentPool::PathOf(WalNumber number) const {
  return JoinPath(setup_.directory, WalFileName(number));
}

void SegmentPool::AddExisting(WalNumber number) {
  existing_.insert(std::upper_bound(existing_.begin(), existing_.end(), number), number);
}

Result<SegmentPool::Taken> SegmentPool::Take(std::uint64_t bytes) {
  Taken taken;
  {
    MutexLock lock(mutex_);
    if (ready_ && bytes <= setup_.segment_bytes) {
      taken = *std::move(ready_);
    } else {
      taken.number = next_;
      next_ = next_.Next();
      if (ready_) {
        AddExisting(ready_->number);
      }
    }
    ready_.reset();
    last_taken_ = taken.number;
  }
  if (taken.file == nullptr) {
    const std::uint64_t pages = (bytes + kPageBytes - 1) / kPageBytes;
    FIRN_TRY_ASSIGN(
        taken.file,
        setup_.files.CreateLog(PathOf(taken.number),
                               std::max(setup_.segment_bytes, pages * kPageBytes), setup_.way));
  }
  MutexLock lock(mutex_);
  AddExisting(taken.number);
  return taken;
}

void SegmentPool::GiveBack(WalNumber number) {
  if (setup_.files.Delete(PathOf(number))) {
    MutexLock lock(mutex_);
    std::erase(existing_, number);
  }
}

std::optional<WalNumber> SegmentPool::BeginMaking() {
  MutexLock lock(mutex_);
  if (ready_ || making_) {
    return std::nullopt;
  }
  making_ = true;
  const WalNumber number = next_;
  next_ = next_.Next();
  return number;
}

void SegmentPool::EndMaking(WalNumber number, std::shared_ptr<LogFile> file) {
  MutexLock lock(mutex_);
  making_ = false;
  if (file == nullptr) {
    return;
  }
  if (number < last_taken_) {
    AddExisting(number);
  } else {
    ready_ = Taken{number, std::move(file)};
  }
}

void SegmentPool::MakeReady() {
  if (const std::optional<WalNumber> number = BeginMaking()) {
    auto file = setup_.files.CreateLog(PathOf(*number), setup_.segment_bytes, setup_.way);
    EndMaking(*number, file ? *std::move(file) : nullptr);
  }
}

bool SegmentPool::Recycle(WalNumber victim) {
  const std::optional<WalNumber> number = BeginMaking();
  if (!number) {
    return false;
  }
  auto file =
      setup_.files.RecycleLog(PathOf(victim), PathOf(*number), setup_.segment_bytes, setup_.way);
  const bool recycled = file.has_value();
  EndMaking(*number, recycled ? *std::move(file) : nullptr);
  return recycled;  // Else deleted like the others: a full disk is all the more reason.
}

void SegmentPool::Prepare() {
  std::shared_ptr<LogFile> file;
  {
    MutexLock lock(mutex_);
    if (ready_) {
      file = ready_->file;
    }
  }
  if (file != nullptr) {
    file->Prepare(0);
  }
}

Result<void> SegmentPool::Release(WalNumber min_live) {
  std::vector<WalNumber> victims;
  {
    MutexLock lock(mutex_);
    FIRN_CHECK(min_live <= last_taken_, min_live, last_taken_);
    const auto live = std::lower_bound(existing_.begin(), existing_.end(), min_live);
    victims.assign(existing_.begin(), live);
    existing_.erase(existing_.begin(), live);
  }
  Result<void> result;
  for (const WalNumber victim : victims) {
    if (Recycle(victim)) {
      continue;
    }
    Result<void> deleted = setup_.files.Delete(PathOf(victim));
    if (!deleted && deleted.error().code != ErrorCode::kNotFound) {
      MutexLock lock(mutex_);
      AddExisting(victim);
      result = std::move(deleted);
    }
  }
  return result;
}

}  // namespace firn::wal
