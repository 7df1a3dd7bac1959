// SPDX-License-Identifier: Apache-2.0
//
// What the driver does with whole stores and with the disk beneath: giving and installing state
// snapshots, trimming the log, and noticing a disk that has stopped.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/propagate.h"
#include "replica/driver.h"

namespace firn {
namespace {

// Between syncs at process durability: 100 ms as a server ticks.
constexpr std::uint64_t kSyncTicks = 2;

}  // namespace

std::optional<StateSnapshot> Driver::Snapshot() {
  const LogIndex change =
      Has(PlantedDefect::kSnapshotOlderThanLearner) ? LogIndex{} : newest_change_;
  return source_.Get(machine().shared_engine(), log().FirstIndex(), change);
}

// The files are here: now Raft may see the message. If it does not want the state any more, because
// it has heard of later things meanwhile, nothing comes of it.
Result<void> Driver::Install() {
  static_cast<void>(raft_->Step(fetched_->message));
  if (raft_->HasReady()) {
    FIRN_TRY(StartReady());
  }
  if (!is_installing()) {
    fetcher_.ReportUnwanted(*fetched_);
    Retire(fetched_->store, std::exchange(fetched_, std::nullopt)->machine->shared_engine());
  }
  return {};
}

// In the log lane. The write of the ballot is the switch: before it the old store counts, with its
// log; after it the new one does, and a log that does not continue it counts for nothing. The state
// that came with the store knows the segments of another node's log, so it is told of this one's
// first.
Result<Driver::Written> Driver::WriteInstall(const Ballot& ballot) const {
  FIRN_TRY_ASSIGN(const WalNumber segment, log().BeginSegment());
  FIRN_TRY(fetched_->machine->FlushWithMinLogSegment(segment));
  FIRN_TRY(parts_.node.ballot->Write(ballot));
  Written written;
  FIRN_TRY_ASSIGN(written.start, log().WriteStart({.index = ready_->snapshot->index,
                                                   .term = ready_->snapshot->term}));
  return written;
}

void Driver::SwitchStore() {
  Retire(store_, machine().shared_engine());
  parts_.node.machine = std::move(fetched_->machine);
  store_ = fetched_->store;
  machine().Plant(config_.defect);
  if (Has(PlantedDefect::kSessionsNotInSnapshot)) {
    machine().ForgetSessions();
  }
  newest_change_ = std::max(newest_change_, applied());
  if (parts_.on_store) {
    parts_.on_store(machine().shared_engine());
  }
  parts_.peers.SetMembers(replica_state().members);
  fetcher_.ReportInstalled(*fetched_);
  fetched_.reset();
}

void Driver::Retire(std::uint64_t store, const std::shared_ptr<Engine>& engine) {
  retired_.push_back({.number = store, .engine = engine});
  to_close_.push_back(engine);
}

// Closing waits for compactions, so a lane does it. A store whose readers are all gone is removed.
void Driver::RemoveRetired() {
  static_cast<void>(closing_.Take());
  if (!to_close_.empty() && !closing_.is_under_way()) {
    closing_.Start(Lane::kTransfer, [engine = std::move(to_close_.back())]() mutable {
      const Result<void> closed = engine->Close();
      engine.reset();
      return closed;
    });
    to_close_.pop_back();
  }
  std::erase_if(retired_, [this](const Retired& retired) {
    if (!retired.engine.expired()) {
      return false;
    }
    fetcher_.Remove(retired.number);
    return true;
  });
}

// The flushed state names the oldest segment that opening needs, as it was when the flush began. So
// what is trimmed here is deleted after the next flush.
Result<void> Driver::TrimLog() {
  static_cast<void>(release_.Take());
  FIRN_TRY_ASSIGN(const ReplicaState flushed, machine().Flushed());
  LogIndex point = std::min(log().TrimPoint(config_.log_bytes_kept), flushed.index);
  if (const std::optional<LogIndex> pinned = source_.pinned();
      pinned && !Has(PlantedDefect::kTrimmedUnderTransfer)) {
    point = std::min(point, *pinned);
  }
  if (point >= log().FirstIndex() && !is_installing()) {
    log().Trim(point);
    machine().SetMinLogSegment(log().min_live_segment());
  }
  if (flushed.min_log_segment > released_ && !release_.is_under_way()) {
    released_ = flushed.min_log_segment;
    release_.Start(Lane::kFlush,
                   [&log = log(), min_live = released_] { return log.ReleaseSegments(min_live); });
  }
  return {};
}

bool Driver::IsFull() const {
  return log_is_full_ ||
         (!machine().HasRoom() && machine().engine().parts().health.no_space().has_value());
}

// Raft counts the vote of a lone voter before its disk has the entry (I-R1). What is not durable
// there is nowhere else either, and was never shown; a read would wait for it as long as the disk
// is full.
LogIndex Driver::ReadIndexMax() const {
  const std::vector<NodeId>& voters = replica_state().membership.voters;
  return voters.size() == 1 && voters.front() == config_.id
             ? log().LastIndex()
             : LogIndex{std::numeric_limits<std::uint64_t>::max()};
}

// Beside what is being written; so that a power loss takes two ticks and a sync at most.
Result<void> Driver::SyncBehind() {
  if (std::optional<Result<void>> synced = sync_.Take()) {
    FIRN_TRY(*synced);
  }
  if (is_unsynced_ && !sync_.is_under_way() && ticks_ % kSyncTicks == 0) {
    is_unsynced_ = false;
    sync_.Start(Lane::kTransfer, [&log = log()] { return log.Sync(); });
  }
  return {};
}

// A leader whose disk has stopped or is full keeps its followers from electing one that could work:
// it hands over, and if that does not help, falls silent. A disk that does not come back ends the
// node; one that is full may have space again.
Result<void> Driver::WatchDisk() {
  write_ticks_ = write_.is_under_way() ? write_ticks_ + 1 : 0;
  if (write_ticks_ > config_.disk_patience_ticks) {
    return Error{ErrorCode::kIo, parts_.setup.directory +
                                     ": the disk has not finished a write for " +
                                     std::to_string(write_ticks_) + " ticks"};
  }
  full_ticks_ = IsFull() ? full_ticks_ + 1 : 0;
  const std::uint64_t overdue_ticks = std::max(write_ticks_, full_ticks_);
  if (is_leader() && overdue_ticks == config_.election_ticks) {
    TransferLeadership({});
  }
  if (is_leader() && overdue_ticks >= 2 * config_.election_ticks) {
    is_muted_ = true;
  }
  return {};
}

}  // namespace firn
