// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/write_path.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/epoch.h"
#include "base/propagate.h"
#include "storage/engine/memory_budget.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

// Requests are appended as one record up to this size, and more follow in the next.
constexpr std::size_t kRecordBytesSoft = std::size_t{1} << 20;

void SetAll(const CommitQueue::Group& group, std::size_t first, std::size_t end,
            const Error& error) {
  for (std::size_t i = first; i < end; ++i) {
    group[i]->result = error;
  }
}

}  // namespace

void WritePath::Begin(Start start) {
  log_ = std::move(start.log);
  last_sequence_ = start.last_sequence.value;
  applied_ = std::move(start.applied);
  active_ticket_ = start.next_ticket;
  active_ = parts_.view->Get()->active;
  parts_.visible_sequence.store(last_sequence_, std::memory_order_release);
}

Result<void> WritePath::Write(CommitRequest& request, Durability durability) {
  FIRN_TRY(parts_.health.CheckWritable());
  if (active_is_full_.load(std::memory_order_relaxed) && request.may_wait) [[unlikely]] {
    FIRN_TRY(AwaitMemory());
  }
  queue_.Commit(request, [this](const CommitQueue::Group& group) { CommitGroup(group); });
  if (!request.result) [[unlikely]] {
    return request.result;
  }
  if (durability == Durability::kDisk && log_ != nullptr) {
    FIRN_TRY(SyncLog());
  }
  if (parts_.controller.under_pressure() && request.may_wait) [[unlikely]] {
    PauseFor(request.user_bytes());
  }
  return {};
}

void WritePath::CommitGroup(const CommitQueue::Group& group) {
  for (std::size_t next = 0; next < group.size();) {
    CommitRequest& request = *group[next];
    if (closed_) {
      request.result = Error{ErrorCode::kClosed, "the database is closed"};
      ++next;
    } else if (request.exclusive != nullptr) {
      request.result = (*request.exclusive)();
      ++next;
    } else {
      next = CommitSome(group, next);
    }
  }
}

// Commits the requests from `first` on that go into one record; returns the first that does not.
std::size_t WritePath::CommitSome(const CommitQueue::Group& group, std::size_t first) {
  std::size_t end = first;
  for (std::size_t bytes = 0; end < group.size() && group[end]->exclusive == nullptr; ++end) {
    if (bytes > 0 && bytes + group[end]->user_bytes() > kRecordBytesSoft) {
      break;
    }
    bytes += group[end]->user_bytes();
  }
  if (ActiveIsFull() && MayFreeze()) {
    if (Result<std::uint64_t> switched = SwitchMemtable(); !switched) {
      SetAll(group, first, end, switched.error());
      return end;
    }
  }
  expected_.clear();
  for (std::size_t i = first; i < end; ++i) {  // Their memory comes while the log is written.
    expected_.push_back(group[i]->operations.empty() ? active_->Expect(group[i]->key)
                                                     : InsertionPoint{});
  }
  if (log_ != nullptr) {
    if (Result<void> appended = Append(group, first, end); !appended) {
      StopUnlessFull(appended.error());
      SetAll(group, first, end, appended.error());
      return end;
    }
    appended_.fetch_add(1, std::memory_order_release);
  }
  for (std::size_t i = first; i < end; ++i) {
    Insert(*group[i], expected_[i - first]);
  }
  parts_.visible_sequence.store(last_sequence_, std::memory_order_release);
  active_is_full_.store(ActiveIsFull(), std::memory_order_relaxed);
  return end;
}

Result<void> WritePath::Append(const CommitQueue::Group& group, std::size_t first,
                               std::size_t end) {
  append_parts_.clear();
  // Sized beforehand: the parts point into it.
  append_heads_.resize((end - first) * kOperationHeadBytesMax);
  char* head = append_heads_.data();
  for (std::size_t i = first; i < end; ++i) {
    const CommitRequest& request = *group[i];
    if (!request.operations.empty()) {
      append_parts_.push_back(request.operations);
      continue;
    }
    char* const start = head;
    head = StoreOperationHead(start,
                              {.kind = request.kind, .key = request.key, .value = request.value});
    append_parts_.emplace_back(start, static_cast<std::size_t>(head - start));
    append_parts_.push_back(request.key);
    append_parts_.push_back(request.value);
  }
  return log_->Append(SequenceNumber{last_sequence_ + 1}, append_parts_);
}

// What was expected is of the request's only key, if it has one alone.
void WritePath::Insert(const CommitRequest& request, const InsertionPoint& expected) {
  if (request.applied_index) {
    applied_.index = std::max(applied_.index, *request.applied_index);
  }
  if (request.replica != nullptr) {
    FIRN_CHECK(request.replica->first_sequence.value > last_sequence_,
               request.replica->first_sequence, last_sequence_);
    last_sequence_ = request.replica->first_sequence.value - 1;
    applied_.state = request.replica->state;
  }
  AddAlone(parts_.write_counters.writes, 1);
  AddAlone(parts_.write_counters.user_bytes, request.user_bytes());
  if (request.operations.empty()) {
    active_->Insert({.key = request.key,
                     .sequence = SequenceNumber{++last_sequence_},
                     .kind = request.kind,
                     .value = request.value},
                    expected);
    return;
  }
  InsertionQueue insertions(*active_);
  const Result<void> decoded =
      VisitOperations(request.operations, [&](const BatchOperation& operation) -> Result<void> {
        insertions.Add({.key = operation.key,
                        .sequence = SequenceNumber{++last_sequence_},
                        .kind = operation.kind,
                        .value = operation.value});
        return {};
      });
  insertions.Drain();
  FIRN_CHECK(decoded.has_value());  // It was checked before it was let in.
}

// A log that found no space has lost nothing and may find some the next time.
void WritePath::StopUnlessFull(const Error& error) {
  if (error.code != ErrorCode::kNoSpace) {
    parts_.health.Stop(error);
  }
}

bool WritePath::MayFreeze() const {
  return parts_.view->Get()->frozen_newest_first.size() + 1 < MemtablesMax(parts_);
}

bool WritePath::ActiveIsFull() const {
  const std::size_t limit = parts_.memtable_bytes.load(std::memory_order_relaxed);
  if (active_->empty()) {
    return false;
  }
  if (limit >= kMemtableMemoryMin) {
    return active_->Fills(limit);
  }
  // The filter may still be that of a higher limit.
  return active_->data_bytes() >= limit ||
         active_->memory_bytes() - active_->filter_bytes() >= kMemtableMemoryMin;
}

Result<std::uint64_t> WritePath::SwitchMemtable() {
  FrozenMemtable frozen{.memtable = active_,
                        .ticket = active_ticket_,
                        .next_wal = {},
                        .last_sequence = {last_sequence_},
                        .applied = applied_};
  if (log_ != nullptr) {
    Result<WalNumber> segment = log_->StartSegment();
    if (!segment) {
      StopUnlessFull(segment.error());
      return std::move(segment).error();
    }
    frozen.next_wal = *segment;
  }
  parts_.frozen_memtables.Add(active_);
  active_ = parts_.NewMemtable();
  parts_.view->Change([&](View& view) {
    view.frozen_newest_first.insert(view.frozen_newest_first.begin(), std::move(frozen));
    view.active = active_;
  });
  active_is_full_.store(false, std::memory_order_relaxed);
  flusher_.Kick();
  return active_ticket_++;
}

Result<void> WritePath::AwaitMemory() {
  const auto start = parts_.Now();
  if (MayFreeze()) {
    SizeCache(parts_, 1);
    return {};  // The next commit freezes the memtable and goes on.
  }
  flusher_.Kick();
  Result<void> room = flusher_.AwaitFewerThan(MemtablesMax(parts_) - 1);
  Add(parts_.write_counters.delays, 1);
  Add(parts_.write_counters.delay_memtables_ns,
      static_cast<std::uint64_t>((parts_.Now() - start).count()));
  return room;
}

void WritePath::PauseFor(std::uint64_t bytes) {
  const auto delay = parts_.controller.Charge(bytes, parts_.Now());
  if (!delay) {
    return;
  }
  parts_.environment.scheduler->Pause(delay->duration);
  Add(parts_.write_counters.delays, 1);
  Add(delay->cause == DelayCause::kLevel0 ? parts_.write_counters.delay_level0_ns
                                          : parts_.write_counters.delay_debt_ns,
      static_cast<std::uint64_t>(delay->duration.count()));
}

Result<void> WritePath::SyncLog() {
  const std::uint64_t appended = appended_.load(std::memory_order_acquire);
  Result<void> synced = log_->Sync();
  if (!synced) {
    parts_.health.Stop(synced.error());
    return synced;
  }
  std::uint64_t before = synced_.load(std::memory_order_relaxed);
  while (before < appended &&
         !synced_.compare_exchange_weak(before, appended, std::memory_order_relaxed)) {
  }
  return {};
}

Result<void> WritePath::Sync() {
  FIRN_TRY(parts_.health.CheckWritable());
  return log_ == nullptr ? Result<void>() : SyncLog();
}

Result<void> WritePath::RunExclusively(const std::function<Result<void>()>& action) {
  CommitRequest request;
  request.exclusive = &action;
  queue_.Commit(request, [this](const CommitQueue::Group& group) { CommitGroup(group); });
  return std::move(request.result);
}

Result<std::uint64_t> WritePath::Freeze() {
  std::uint64_t ticket = 0;
  FIRN_TRY(RunExclusively([this, &ticket]() -> Result<void> {
    FIRN_TRY(parts_.health.CheckWritable());
    const std::uint64_t expected = active_ticket_;
    flusher_.Expect(expected);
    Result<std::uint64_t> switched = SwitchMemtable();
    if (!switched) {
      flusher_.Forget(expected);
      return std::move(switched).error();
    }
    ticket = *switched;
    return {};
  }));
  SizeCache(parts_);
  return ticket;
}

Result<void> WritePath::NoteApplied(AppliedPoint applied) {
  return RunExclusively([&]() -> Result<void> {
    applied_ = std::move(applied);
    return {};
  });
}

Result<std::uint64_t> WritePath::AppliedIndex() {
  std::uint64_t index = 0;
  FIRN_TRY(RunExclusively([&]() -> Result<void> {
    index = applied_.index;
    return {};
  }));
  return index;
}

void WritePath::Tick() {
  if (log_ != nullptr && !parts_.health.stopped()) {
    if (appended_.load(std::memory_order_acquire) == synced_.load(std::memory_order_relaxed)) {
      static_cast<void>(RunExclusively([this] { return log_->MarkSynced(); }));
    } else if (parts_.options.sync_interval.count() > 0) {
      static_cast<void>(SyncLog());  // A failure has ended writing and is told to the next writer.
    }
  }
  if (parts_.health.no_space()) {
    flusher_.Kick();
  }
  if (EpochRetiredBytes() > 0) {
    CollectEpochs();
  }
}

Result<void> WritePath::Close() {
  return RunExclusively([this]() -> Result<void> {
    closed_ = true;
    if (parts_.options.read_only) {
      return {};
    }
    // Where writing has ended, what was acknowledged last may not be on disk: the caller must know.
    FIRN_TRY(parts_.health.CheckWritable());
    if (log_ == nullptr) {
      return {};
    }
    FIRN_TRY(SyncLog());
    FIRN_TRY(log_->MarkSynced());
    return log_->Sync();
  });
}

Result<void> WritePath::ReleaseLog(WalNumber min_live) {
  return log_ == nullptr ? Result<void>() : log_->Release(min_live);
}

void WritePath::Prepare() {
  if (log_ != nullptr) {
    log_->Prepare();
  }
  // Large records come to their memory a page at a time. To make it up at once, in another thread,
  // would take their writer's processor for longer than any of them waits.
  if (!parts_.view->Get()->active->has_large_records()) {
    parts_.chunks->Prepare();
  }
}

LogCounters WritePath::log_counters() const {
  return log_ == nullptr ? LogCounters{} : log_->counters();
}

}  // namespace firn
