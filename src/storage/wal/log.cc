// SPDX-License-Identifier: Apache-2.0
//
// Three parties meet here. The appender alone touches the current segment's memory, the running
// checksum and the offset, without a lock. Syncers elect one of them, who syncs what was appended
// before it began and wakes the rest. Release runs beside both on files that neither touches. They
// share, under the mutex, the list of segments; and two positions, bytes since the log began: what
// was appended (released by the appender) and what is synced (released by the syncer).
//
// Nothing is acknowledged to disk in a segment before the segments under it and the names in the
// directory are synced: one sync does all of that, oldest first, so that a position below which
// everything is synced always exists and can be written into records and headers.
#include "storage/wal/log.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "base/propagate.h"
#include "storage/wal/log_format.h"
#include "storage/wal/segment_pool.h"

namespace firn {

using wal::kFirstRecord;
using wal::kRecordHeaderBytes;
using wal::RecordBytes;
using wal::RecordHeader;
using wal::RecordKind;

class Log::State {
 public:
  explicit State(LogSetup setup)
      : setup_(std::move(setup)),
        pool_({.files = setup_.files,
               .directory = setup_.directory,
               .segment_bytes = setup_.segment_bytes,
               .way = setup_.way,
               .next = setup_.first_segment,
               .existing = setup_.earlier_segments}) {}

  Result<void> Begin();
  Result<void> Append(RecordKind kind, SequenceNumber first,
                      std::span<const std::string_view> parts);
  Result<void> StartSegment(std::uint64_t record_bytes);
  Result<void> Sync() FIRN_EXCLUDES(mutex_);
  Result<void> MarkSynced();
  Result<void> Release(WalNumber min_live) FIRN_EXCLUDES(mutex_);
  void Prepare() FIRN_EXCLUDES(mutex_);

  WalNumber current_segment() const { return current_->number; }
  LogPlace last_place() const { return last_place_; }
  RecordKind content() const { return static_cast<RecordKind>(setup_.content); }
  LogCounters counters() const {
    return {.appended_bytes = appended_bytes_.load(std::memory_order_relaxed),
            .syncs = syncs_.load(std::memory_order_relaxed)};
  }

 private:
  struct Segment {
    WalNumber number;
    std::shared_ptr<LogFile> file;
    std::uint64_t start = 0;   // Position of its first byte.
    bool name_synced = false;  // Only the one who syncs looks at it.
  };
  using Segments = std::vector<std::shared_ptr<Segment>>;
  // What one sync of the device is to cover.
  struct Round {
    std::uint64_t covers = 0;  // Position.
    Segments segments;
  };

  Result<void> SyncEarlierSegments();
  Result<void> WriteHeader(const Segment& segment, const wal::SegmentHeader& header);
  Result<void> WriteRecord(const RecordHeader& header, std::span<const std::string_view> parts);
  // Keeps kIo for ever.
  Result<void> Keep(Result<void> result) FIRN_EXCLUDES(mutex_);
  Result<void> Failure() const FIRN_EXCLUDES(mutex_);
  // Waits until `wanted` is synced by others (nothing) or the caller is to sync.
  Result<std::optional<Round>> JoinSync(std::uint64_t wanted) FIRN_EXCLUDES(mutex_);
  Result<void> SyncAll(const Segments& segments);
  std::uint64_t end_position() const { return current_->start + offset_; }

  const LogSetup setup_;

  // The appender's.
  std::shared_ptr<Segment> current_;
  std::uint64_t offset_ = 0;
  std::uint64_t progress_at_ = 0;  // Offset of the record that is told to on_progress.
  std::uint32_t running_crc_ = 0;
  LogPlace last_place_;
  std::uint64_t last_record_end_ = 0;  // Position.
  std::uint64_t recorded_synced_ = 0;  // Largest synced position that a record or header states.

  // Read by any thread.
  std::atomic<std::uint64_t> appended_{0};  // Position.
  std::atomic<std::uint64_t> synced_{0};    // Position.
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> appended_bytes_{0};
  std::atomic<std::uint64_t> syncs_{0};

  wal::SegmentPool pool_;  // Synchronises itself.

  mutable Mutex mutex_;
  ConditionVariable sync_ended_;
  bool syncing_ FIRN_GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ FIRN_GUARDED_BY(mutex_);
  // Segments that may hold unsynced bytes, ascending; the last one is the current.
  std::deque<std::shared_ptr<Segment>> unsynced_ FIRN_GUARDED_BY(mutex_);
};

Result<void> Log::State::Keep(Result<void> result) {
  if (!result && result.error().code != ErrorCode::kNoSpace) {
    MutexLock lock(mutex_);
    if (!failure_) {
      failure_ = result.error();
    }
    failed_.store(true, std::memory_order_release);
  }
  return result;
}

Result<void> Log::State::Failure() const {
  if (failed_.load(std::memory_order_acquire)) [[unlikely]] {
    MutexLock lock(mutex_);
    return *failure_;
  }
  return {};
}

// A process that was killed may have left them, and their names, in memory only. The first header
// will call them synced, so they are before it is written.
Result<void> Log::State::SyncEarlierSegments() {
  for (const WalNumber number : setup_.earlier_segments) {
    const std::string path = JoinPath(setup_.directory, WalFileName(number));
    FIRN_TRY_ASSIGN(const auto file, setup_.files.OpenSlotted(path));
    FIRN_TRY(file->Sync());
  }
  return setup_.earlier_segments.empty() ? Result<void>()
                                         : setup_.files.SyncDirectory(setup_.directory);
}

Result<void> Log::State::Begin() {
  FIRN_TRY(SyncEarlierSegments());
  appended_ = synced_ = setup_.predecessor.position;
  FIRN_TRY(StartSegment(0));
  return Sync();
}

Result<void> Log::State::WriteHeader(const Segment& segment, const wal::SegmentHeader& header) {
  const std::string bytes = wal::EncodeSegmentHeader(header);
  FIRN_TRY_ASSIGN(const auto memory, segment.file->Lend(0, bytes.size()));
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  return segment.file->Commit(0, bytes.size());
}

// Nothing of the log changes before the new segment has its header, so that a full disk leaves the
// current one as it was.
Result<void> Log::State::StartSegment(std::uint64_t record_bytes) {
  FIRN_TRY(Failure());
  wal::SegmentHeader header = {.predecessor = setup_.predecessor,
                               .durable_manifest = setup_.durable_manifest()};
  if (current_ != nullptr) {
    header.predecessor = {.segment = current_->number,
                          .offset = offset_,
                          .position = end_position(),
                          .running_crc = running_crc_};
  }
  FIRN_TRY_ASSIGN(wal::SegmentPool::Taken taken,
                  pool_.Take(kFirstRecord + record_bytes + kRecordHeaderBytes));
  auto segment = std::make_shared<Segment>(
      Segment{taken.number, std::move(taken.file), header.predecessor.position});
  const std::uint64_t synced = synced_.load(std::memory_order_acquire);
  header.number = segment->number;
  header.capacity = segment->file->capacity();
  header.unsynced = segment->start - synced;
  if (auto written = WriteHeader(*segment, header); !written) {
    pool_.GiveBack(segment->number);
    return Keep(std::move(written));
  }
  FIRN_TRY_ASSIGN(const auto decoded, wal::DecodeSegmentHeader(wal::EncodeSegmentHeader(header)));
  running_crc_ = decoded.crc;
  offset_ = kFirstRecord;
  // A log that never comes this far needs nothing made ready.
  progress_at_ = LogFile::kPartBytes / 2;
  recorded_synced_ = synced;
  current_ = segment;
  {
    MutexLock lock(mutex_);
    unsynced_.push_back(std::move(segment));
  }
  appended_.store(end_position(), std::memory_order_release);
  return {};
}

Result<void> Log::State::WriteRecord(const RecordHeader& header,
                                     std::span<const std::string_view> parts) {
  const std::uint64_t bytes = RecordBytes(header.length);
  FIRN_TRY_ASSIGN(const std::span<char> memory, current_->file->Lend(offset_, bytes));
  char fields[kRecordHeaderBytes];
  wal::StoreRecordFields(fields, header);
  std::uint32_t running_crc = wal::RunningCrcOfFields(fields, running_crc_);
  char* out = memory.data() + kRecordHeaderBytes;
  for (const std::string_view part : parts) {
    running_crc = Crc32c(part, running_crc);
    out = std::ranges::copy(part, out).out;  // A part without bytes may have no place either.
  }
  std::memset(out, 0, static_cast<std::size_t>(memory.data() + bytes - out));
  wal::SealRecordHeader(fields, {current_->number, offset_}, running_crc);
  std::memcpy(memory.data(), fields, sizeof fields);
  FIRN_TRY(current_->file->Commit(offset_, bytes));
  running_crc_ = running_crc;
  offset_ += bytes;
  return {};
}

Result<void> Log::State::Append(RecordKind kind, SequenceNumber first,
                                std::span<const std::string_view> parts) {
  FIRN_TRY(Failure());
  std::uint64_t length = 0;
  for (const std::string_view part : parts) {
    length += part.size();
  }
  FIRN_CHECK(length <= wal::kPayloadBytesMax && first <= kSequenceMax, length, first);
  // Room for a marker is always left: marking an idle log needs no new segment.
  const std::uint64_t bytes = RecordBytes(length);
  const std::uint64_t reserve = kind == RecordKind::kMarker ? 0 : kRecordHeaderBytes;
  if (offset_ + bytes + reserve > current_->file->capacity()) [[unlikely]] {
    FIRN_TRY(StartSegment(bytes));
  }
  const std::uint64_t synced = synced_.load(std::memory_order_acquire);
  const std::uint64_t unsynced = end_position() - synced;
  const RecordHeader header = {.kind = kind,
                               .first = first,
                               .length = static_cast<std::uint32_t>(length),
                               .unsynced = static_cast<std::uint32_t>(
                                   std::min<std::uint64_t>(unsynced, wal::kUnsyncedUnknown))};
  const LogPlace place = {current_->number, offset_, running_crc_};
  if (auto written = WriteRecord(header, parts); !written) [[unlikely]] {
    return Keep(std::move(written));
  }
  recorded_synced_ = synced;
  const std::uint64_t end = end_position();
  if (kind != RecordKind::kMarker) {
    last_place_ = place;
    last_record_end_ = end;
  }
  appended_bytes_.store(appended_bytes_.load(std::memory_order_relaxed) + bytes,
                        std::memory_order_relaxed);
  appended_.store(end, std::memory_order_release);
  if (place.offset >= progress_at_) [[unlikely]] {
    progress_at_ = (place.offset / LogFile::kPartBytes + 1) * LogFile::kPartBytes;
    if (setup_.on_progress) {
      setup_.on_progress();
    }
  }
  return {};
}

Result<void> Log::State::MarkSynced() {
  if (recorded_synced_ >= last_record_end_ ||
      synced_.load(std::memory_order_acquire) < last_record_end_) {
    return {};
  }
  return Append(RecordKind::kMarker, {}, {});
}

Result<void> Log::State::SyncAll(const Segments& segments) {
  bool names_synced = true;
  for (const auto& segment : segments) {
    FIRN_TRY(segment->file->Sync());
    names_synced = names_synced && segment->name_synced;
  }
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (names_synced) {
    return {};
  }
  FIRN_TRY(setup_.files.SyncDirectory(setup_.directory));
  for (const auto& segment : segments) {
    segment->name_synced = true;
  }
  return {};
}

Result<void> Log::State::Sync() {
  const std::uint64_t wanted = appended_.load(std::memory_order_acquire);
  FIRN_TRY_ASSIGN(const std::optional<Round> round, JoinSync(wanted));
  if (!round) {
    return {};
  }
  Result<void> result = SyncAll(round->segments);
  MutexLock lock(mutex_);
  syncing_ = false;
  sync_ended_.NotifyAll();
  if (!result) {
    // Whatever the reason: the kernel may have dropped the pages, and nothing brings them back.
    failure_ = failure_.value_or(result.error());
    failed_.store(true, std::memory_order_release);
    return result;
  }
  synced_.store(round->covers, std::memory_order_release);
  while (!unsynced_.empty() && unsynced_.front()->number < round->segments.back()->number) {
    unsynced_.pop_front();
  }
  return {};
}

Result<std::optional<Log::State::Round>> Log::State::JoinSync(std::uint64_t wanted) {
  MutexLock lock(mutex_);
  while (syncing_ && !failure_ && synced_.load(std::memory_order_relaxed) < wanted) {
    sync_ended_.Wait(mutex_);
  }
  if (failure_) {
    return *failure_;
  }
  if (synced_.load(std::memory_order_relaxed) >= wanted) {
    return std::optional<Round>();
  }
  syncing_ = true;
  // In this order: a segment is listed before a position in it is appended.
  const std::uint64_t covers = appended_.load(std::memory_order_acquire);
  return std::optional<Round>({covers, Segments(unsynced_.begin(), unsynced_.end())});
}

Result<void> Log::State::Release(WalNumber min_live) {
  Segments dropped;  // Their files close outside the mutex.
  {
    MutexLock lock(mutex_);
    while (!unsynced_.empty() && unsynced_.front()->number < min_live) {
      dropped.push_back(std::move(unsynced_.front()));
      unsynced_.pop_front();
    }
  }
  dropped.clear();
  return pool_.Release(min_live);
}

void Log::State::Prepare() {
  std::shared_ptr<Segment> current;
  {
    MutexLock lock(mutex_);
    current = unsynced_.back();
  }
  const std::uint64_t appended = appended_.load(std::memory_order_acquire);
  if (appended < current->start) {
    return;  // It begins just now.
  }
  const std::uint64_t next =
      ((appended - current->start) / LogFile::kPartBytes + 1) * LogFile::kPartBytes;
  const std::uint64_t capacity = current->file->capacity();
  if (next < capacity) {
    current->file->Prepare(next);
  }
  // Late, so that most often one was recycled before.
  if (next >= capacity - capacity / 4) {
    pool_.MakeReady();
  }
  // The new file cannot know that the one before was synced in its last two parts.
  const std::uint64_t synced = synced_.load(std::memory_order_acquire);
  if (next >= capacity && synced + 2 * LogFile::kPartBytes <= current->start + next) {
    pool_.Prepare();
  }
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::Create(LogSetup setup) {
  auto state = std::make_unique<State>(std::move(setup));
  FIRN_TRY(state->Begin());
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

Result<void> Log::Append(SequenceNumber first, std::span<const std::string_view> parts) {
  return state_->Append(state_->content(), first, parts);
}

Result<WalNumber> Log::StartSegment() {
  FIRN_TRY(state_->StartSegment(0));
  return state_->current_segment();
}

Result<void> Log::Sync() { return state_->Sync(); }
Result<void> Log::MarkSynced() { return state_->MarkSynced(); }
Result<void> Log::Release(WalNumber min_live) { return state_->Release(min_live); }
void Log::Prepare() { state_->Prepare(); }
WalNumber Log::current_segment() const { return state_->current_segment(); }
LogPlace Log::last_place() const { return state_->last_place(); }
LogCounters Log::counters() const { return state_->counters(); }

}  // namespace firn
