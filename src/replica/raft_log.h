// SPDX-License-Identifier: Apache-2.0
//
// The replicated log of one node: entries with consecutive indexes in segments of the write-ahead
// log (storage/wal; docs/format/raft-log.md). It takes the place of the engine's own log, which is
// off under a replica. An entry at or below the last index truncates what stands from there on.
//
// Two sides. Write belongs to the thread that waits for the disk. Everything else belongs to the
// thread that drives Raft, which adopts what was written once it is durable; so what this object
// answers Raft is always on disk, or with the kernel at process durability. The newest entries are
// kept in memory, older ones are read back and checked again.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "consensus/types.h"
#include "firn/result.h"
#include "io/file_system.h"
#include "storage/wal/log.h"

namespace firn {

// An entry that is known by its position alone: the log goes on after it.
struct LogStart {
  LogIndex index;
  Term term;

  friend bool operator==(const LogStart&, const LogStart&) = default;
};

struct RaftLogSetup {
  FileSystem& files;
  std::string directory;  // Its own; must exist.
  bool create = false;    // Begin a log where there is none. Else that is kCorruption.
  Durability durability = Durability::kDisk;  // Of what Write has returned.
  std::uint64_t segment_bytes = std::uint64_t{16} << 20;
  WalAppend way = WalAppend::kAuto;
  std::size_t cache_bytes = std::size_t{16} << 20;  // Of entries kept in memory.
  // What the tables of the state machine hold. A log that lacks it, or has another term there, was
  // overtaken by a state snapshot, and begins anew after it.
  LogStart flushed;
  WalNumber min_live{1};  // What min_live_segment was, durably, before any segment was released.
};

class RaftLog {
 public:
  // kCorruption names the file and the offset; also when entries between `flushed` and the first in
  // the log are missing. kUnsupported, kIo, kNoSpace.
  static Result<std::unique_ptr<RaftLog>> Open(RaftLogSetup setup);

  // Where entries were written, in their order.
  using Places = std::vector<LogPlace>;

  // Appends the entries, each with the commit index known when it is written, and syncs, unless the
  // durability is kProcess and none of them changes the membership. May run
  // beside all else; one at a time. After kNoSpace part of them may be written and none is to be
  // adopted: writing them again is right. Every other error is final.
  Result<Places> Write(std::span<const LogEntry> entries, LogIndex commit);

  // Makes what was written survive power loss. Any thread, beside all else. kIo is final.
  Result<void> Sync() { return log_->Sync(); }

  // Removes the first of the entries that are here already, trimmed ones included: Raft hands out
  // entries again whose successors another leader replaced while they were being written. Written
  // twice, they would truncate what follows them, and a crash would leave it so.
  void EraseHeld(std::vector<LogEntry>& entries) const;
  // Takes in what Write made durable. The first entry is at most one above the last index.
  void Adopt(std::vector<LogEntry> entries, const Places& places);

  LogIndex FirstIndex() const { return start_.index.Next(); }
  LogIndex LastIndex() const { return {start_.index.value + slots_.size()}; }
  // Of FirstIndex() - 1 to LastIndex(); 0 outside.
  Term TermAt(LogIndex index) const;
  // Of FirstIndex() to LastIndex().
  EntryKind KindAt(LogIndex index) const { return At(index).kind; }
  // The largest commit index that was written with an entry when the log was opened.
  LogIndex recovered_commit() const { return recovered_commit_; }

  // The entry, which must be in the log. kCorruption, kIo: it cannot be read back.
  Result<LogEntry> Read(LogIndex index) const;

  // Payload bytes of the entries after FirstIndex() - 1.
  std::uint64_t bytes() const { return bytes_; }
  // Forgets entries up to `index`, at most the last. Their segments are deleted by ReleaseSegments.
  void Trim(LogIndex index);
  // The index up to which entries may go so that at most `bytes_max` stay; FirstIndex() - 1 when
  // none have to.
  LogIndex TrimPoint(std::uint64_t bytes_max) const;
  // Segments below hold nothing that opening needs. To be made durable, outside, before they are
  // released: a segment that is half gone must not be read.
  WalNumber min_live_segment() const { return start_segment_; }
  // Deletes segments below. Does file work; beside Write, one at a time. What fails is tried again
  // by the next call.
  Result<void> ReleaseSegments(WalNumber min_live) { return log_->Release(min_live); }

  // The last entry, as if it had not been found when the log was opened. For a planted defect.
  void ForgetLast() { Truncate(LastIndex()); }

  // Begins anew after `start`, durably: a state snapshot has taken the place of all entries. No
  // Write may run.
  Result<void> Reset(const LogStart& start);
  // Its parts. BeginSegment says from which segment on the new log will stand; what is below it is
  // not needed once the state snapshot is in place. WriteStart goes with Write, AdoptStart with
  // Adopt.
  Result<WalNumber> BeginSegment() { return log_->StartSegment(); }
  Result<LogPlace> WriteStart(const LogStart& start);
  void AdoptStart(const LogStart& start, const LogPlace& place);

 private:
  struct Slot {
    Term term;
    EntryKind kind = EntryKind::kData;
    LogPlace place;
    std::uint64_t size = 0;
    std::optional<std::string> data;  // Nothing when it is only on disk.
  };

  explicit RaftLog(RaftLogSetup setup) : setup_(std::move(setup)) {}

  Result<void> Recover();
  Result<void> Take(const LogRecord& record);
  // Whether the entries that were found continue what is flushed.
  Result<bool> ContinuesFlushed() const;
  void Truncate(LogIndex from);
  void Push(Slot slot);
  void EvictOldest();
  const Slot& At(LogIndex index) const { return slots_[index.value - start_.index.value - 1]; }

  const RaftLogSetup setup_;
  std::unique_ptr<Log> log_;

  // The driver's.
  LogStart start_;          // While recovering, its term may be 0: not known.
  std::deque<Slot> slots_;  // Of start_.index + 1 and so on.
  LogIndex cached_from_;    // Entries from here on have their data in memory.
  std::size_t cached_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  WalNumber start_segment_;  // Where the start can be read from.
  LogIndex recovered_commit_;
};

// The payload of a record of the log, and back. Start records have no data.
struct RaftLogRecord {
  enum class Kind : std::uint8_t { kData = 0, kMembership = 1, kStart = 2 };

  LogIndex commit;
  Term term;
  Kind kind = Kind::kData;
  std::string_view data;

  friend bool operator==(const RaftLogRecord&, const RaftLogRecord&) = default;
};
// All but the data.
std::string EncodeRecordHead(const RaftLogRecord& record);
// kCorruption when it is none, kUnsupported for a kind that is not known.
Result<RaftLogRecord> DecodeRaftLogRecord(std::string_view payload);

}  // namespace firn
