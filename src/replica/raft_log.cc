// SPDX-License-Identifier: Apache-2.0
//
// Recovery replays the records in the order they were written, which is all that truncation needs:
// a record at or below the last index takes the place of everything from there on, one that leaves
// a gap begins the log anew. Segments are deleted from the oldest on, so what is left may begin in
// the middle; the first entry then serves as the start, whose term is known and whose data nobody
// needs.
#include "replica/raft_log.h"

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "base/propagate.h"

namespace firn {

std::string EncodeRecordHead(const RaftLogRecord& record) {
  std::string head;
  PutVarint(head, record.commit.value);
  PutVarint(head, record.term.value);
  head.push_back(static_cast<char>(record.kind));
  return head;
}

Result<RaftLogRecord> DecodeRaftLogRecord(std::string_view payload) {
  Decoder in(payload);
  RaftLogRecord record;
  record.commit = {in.Varint()};
  record.term = {in.Varint()};
  const auto kind = in.Little<std::uint8_t>();
  if (!in.ok()) {
    return Error{ErrorCode::kCorruption, "raft entry: shorter than its fields"};
  }
  if (kind > static_cast<std::uint8_t>(RaftLogRecord::Kind::kStart)) {
    return Error{ErrorCode::kUnsupported,
                 "raft entry: kind " + std::to_string(kind) + " needs a newer version"};
  }
  record.kind = static_cast<RaftLogRecord::Kind>(kind);
  record.data = in.rest();
  return record;
}

Result<std::unique_ptr<RaftLog>> RaftLog::Open(RaftLogSetup setup) {
  std::unique_ptr<RaftLog> log(new RaftLog(std::move(setup)));
  FIRN_TRY(log->Recover());
  return log;
}

Result<void> RaftLog::Recover() {
  FIRN_TRY_ASSIGN(
      ReplayReport replayed,
      ReplayLog(setup_.files, setup_.directory, {setup_.min_live, LogContent::kRaftEntries},
                [this](const LogRecord& record) { return Take(record); }));
  if (replayed.segments.empty() && !setup_.create) {
    return Error{ErrorCode::kCorruption, setup_.directory + ": the replicated log is missing"};
  }
  const bool begins_in_the_middle = start_ != LogStart() && start_.term == Term{};
  const bool has_start = replayed.records > 0;
  FIRN_TRY_ASSIGN(log_, Log::Create({.files = setup_.files,
                                     .directory = setup_.directory,
                                     .content = LogContent::kRaftEntries,
                                     .segment_bytes = setup_.segment_bytes,
                                     .way = setup_.way,
                                     .first_segment = replayed.largest_segment.Next(),
                                     .predecessor = replayed.end,
                                     .earlier_segments = std::move(replayed.segments),
                                     .durable_manifest = [] { return ManifestPosition(); }}));
  if (begins_in_the_middle) {
    Trim(FirstIndex());
  }
  if (has_start) {
    FIRN_TRY_ASSIGN(const bool continues, ContinuesFlushed());
    if (continues) {
      return {};
    }
  }
  return Reset(setup_.flushed);
}

Result<void> RaftLog::Take(const LogRecord& record) {
  auto decoded = DecodeRaftLogRecord(record.payload);
  if (!decoded) {
    return Error{decoded.error().code, "log " + WalFileName(record.place.segment) + " @" +
                                           std::to_string(record.place.offset) + ": " +
                                           decoded.error().context};
  }
  const LogIndex index{record.first.value};
  recovered_commit_ = std::max(recovered_commit_, decoded->commit);
  if (decoded->kind == RaftLogRecord::Kind::kStart) {
    Truncate({});
    start_ = {index, decoded->term};
    start_segment_ = record.place.segment;
    return {};
  }
  if (index < FirstIndex() || index > LastIndex().Next()) {
    Truncate({});
    start_ = {{index.value - 1}, {}};
    start_segment_ = record.place.segment;
  }
  Truncate(index);
  Push({.term = decoded->term,
        .kind = static_cast<EntryKind>(decoded->kind),
        .place = record.place,
        .size = decoded->data.size(),
        .data = std::string(decoded->data)});
  return {};
}

Result<bool> RaftLog::ContinuesFlushed() const {
  const LogStart& flushed = setup_.flushed;
  if (LastIndex() < flushed.index) {
    return false;
  }
  if (start_.index > flushed.index) {
    return Error{ErrorCode::kCorruption, setup_.directory + ": the log begins after entry " +
                                             std::to_string(start_.index.value) +
                                             ", but the tables end with entry " +
                                             std::to_string(flushed.index.value)};
  }
  return TermAt(flushed.index) == flushed.term;
}

Result<RaftLog::Places> RaftLog::Write(std::span<const LogEntry> entries, LogIndex commit) {
  Places places;
  places.reserve(entries.size());
  bool must_sync = setup_.durability == Durability::kDisk;
  for (const LogEntry& entry : entries) {
    const std::string head = EncodeRecordHead({.commit = commit,
                                               .term = entry.term,
                                               .kind = static_cast<RaftLogRecord::Kind>(entry.kind),
                                               .data = {}});
    const std::string_view parts[] = {head, entry.data};
    FIRN_TRY(log_->Append({entry.index.value}, parts));
    places.push_back(log_->last_place());
    must_sync = must_sync || entry.kind != EntryKind::kData;
  }
  if (must_sync) {
    FIRN_TRY(log_->Sync());
  }
  return places;
}

// Entries of one index and term are the same, and so are those before them (Raft, 5.3).
void RaftLog::EraseHeld(std::vector<LogEntry>& entries) const {
  const auto is_held = [this](const LogEntry& entry) {
    return entry.index <= start_.index ||
           (entry.index <= LastIndex() && At(entry.index).term == entry.term);
  };
  entries.erase(entries.begin(), std::ranges::find_if_not(entries, is_held));
}

void RaftLog::Adopt(std::vector<LogEntry> entries, const Places& places) {
  FIRN_CHECK(entries.size() == places.size(), entries.size(), places.size());
  if (entries.empty()) {
    return;
  }
  const LogIndex first = entries.front().index;
  FIRN_CHECK(first > start_.index && first <= LastIndex().Next(), first, LastIndex());
  Truncate(first);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t size = entries[i].data.size();
    Push({.term = entries[i].term,
          .kind = entries[i].kind,
          .place = places[i],
          .size = size,
          .data = std::move(entries[i].data)});
  }
}

// Forgets entries from an index on.
void RaftLog::Truncate(LogIndex from) {
  while (!slots_.empty() && LastIndex() >= from) {
    bytes_ -= slots_.back().size;
    cached_bytes_ -= slots_.back().data ? slots_.back().size : 0;
    slots_.pop_back();
  }
  cached_from_ = std::min(cached_from_, LastIndex().Next());
}

void RaftLog::Push(Slot slot) {
  bytes_ += slot.size;
  cached_bytes_ += slot.size;
  slots_.push_back(std::move(slot));
  if (slots_.size() == 1) {
    cached_from_ = LastIndex();
  }
  EvictOldest();
}

// The newest entry stays whatever its size.
void RaftLog::EvictOldest() {
  cached_from_ = std::max(cached_from_, FirstIndex());
  while (cached_bytes_ > setup_.cache_bytes && cached_from_ < LastIndex()) {
    Slot& oldest = slots_[cached_from_.value - start_.index.value - 1];
    cached_bytes_ -= oldest.size;
    oldest.data.reset();
    cached_from_ = cached_from_.Next();
  }
}

Term RaftLog::TermAt(LogIndex index) const {
  if (index == start_.index) {
    return start_.term;
  }
  return index > start_.index && index <= LastIndex() ? At(index).term : Term{};
}

Result<LogEntry> RaftLog::Read(LogIndex index) const {
  FIRN_CHECK(index > start_.index && index <= LastIndex(), index, LastIndex());
  const Slot& slot = At(index);
  LogEntry entry{.term = slot.term, .index = index, .kind = slot.kind, .data = {}};
  if (slot.data) {
    entry.data = *slot.data;
    return entry;
  }
  FIRN_TRY_ASSIGN(const std::string payload,
                  ReadLogRecord(setup_.files, setup_.directory, slot.place));
  FIRN_TRY_ASSIGN(const RaftLogRecord record, DecodeRaftLogRecord(payload));
  entry.data = record.data;
  return entry;
}

void RaftLog::Trim(LogIndex index) {
  FIRN_CHECK(index <= LastIndex(), index, LastIndex());
  while (start_.index < index) {
    const Slot& oldest = slots_.front();
    start_ = {start_.index.Next(), oldest.term};
    start_segment_ = oldest.place.segment;
    bytes_ -= oldest.size;
    cached_bytes_ -= oldest.data ? oldest.size : 0;
    slots_.pop_front();
  }
  cached_from_ = std::max(cached_from_, FirstIndex());
}

LogIndex RaftLog::TrimPoint(std::uint64_t bytes_max) const {
  LogIndex point = start_.index;
  std::uint64_t left = bytes_;
  for (const Slot& slot : slots_) {
    if (left <= bytes_max) {
      break;
    }
    left -= slot.size;
    point = point.Next();
  }
  return point;
}

Result<LogPlace> RaftLog::WriteStart(const LogStart& start) {
  const std::string head = EncodeRecordHead(
      {.commit = start.index, .term = start.term, .kind = RaftLogRecord::Kind::kStart, .data = {}});
  const std::string_view parts[] = {head};
  FIRN_TRY(log_->Append({start.index.value}, parts));
  FIRN_TRY(log_->Sync());
  return log_->last_place();
}

void RaftLog::AdoptStart(const LogStart& start, const LogPlace& place) {
  Truncate({});
  start_ = start;
  cached_from_ = FirstIndex();
  start_segment_ = place.segment;
}

Result<void> RaftLog::Reset(const LogStart& start) {
  FIRN_TRY_ASSIGN(const LogPlace place, WriteStart(start));
  AdoptStart(start, place);
  return {};
}

}  // namespace firn
