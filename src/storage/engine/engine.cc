// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/engine.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/propagate.h"
#include "storage/engine/database_iterator.h"
#include "storage/engine/handles.h"
#include "storage/engine/memory_budget.h"
#include "storage/engine/open.h"
#include "storage/engine/options_check.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

std::atomic<std::uint64_t> fork_generation{0};

constexpr std::chrono::milliseconds kTickWithoutSyncs{100};
// Longer than a writer in a loop is ever held up, shorter than a user looks away.
constexpr std::chrono::milliseconds kIdleAfter{250};
// What Close leaves in the log, in bytes of memtable: the next open replays it in a millisecond.
constexpr std::size_t kLeftInLogMax = std::size_t{256} << 10;

// How many of the reads of a MultiGet wait for memory together: more than a processor asks for at
// once.
constexpr std::size_t kReadsAtOnce = 16;

// Keeps what a read has found beyond its scope: the block, which needs neither cache nor table, or
// the view whose memtable it is in.
internal::Pin PinOf(ReadScope& scope) {
  using Block = ReadScope::BlockReference;
  using Owner = std::shared_ptr<const ReadOwner>;
  if (Block block = scope.block()) {
    return {block.Release(), [](const void* holder) {
              const Block last = Block::Adopt(static_cast<const Counted*>(holder));
            }};
  }
  scope.LeaveEpoch();
  return {std::make_unique<Owner>(scope.owner_reference()).release(), [](const void* holder) {
            const std::unique_ptr<const Owner> last(static_cast<const Owner*>(holder));
          }};
}

// Bounds of a ScanOptions that was used to name a range of keys.
Result<std::optional<KeyRange>> RangeOf(const ScanOptions& options) {
  FIRN_TRY_ASSIGN(const ScanBounds bounds, BoundsOf(options));
  if (bounds.lower.empty() && !bounds.upper) {
    return std::optional<KeyRange>();
  }
  // A range without an upper bound ends where no key can be larger.
  return std::optional(
      KeyRange{.smallest = bounds.lower,
               .largest = bounds.upper.value_or(std::string(kKeyBytesMax, '\xFF'))});
}

}  // namespace

std::uint64_t ForkGeneration() {
  static const int registered = pthread_atfork(
      nullptr, nullptr, [] { fork_generation.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return fork_generation.load(std::memory_order_relaxed);
}

EngineParts::EngineParts(Environment seams, std::string path, const Options& checked_options)
    : environment(std::move(seams)),
      options(checked_options),
      directory(std::move(path)),
      limits(LimitsOf(options)),
      cache(std::make_shared<BlockCache>(options.memory_budget_bytes - options.memtable_bytes)),
      tables(std::make_shared<TableDirectory>(environment.files, directory, cache)),
      memtable_bytes(options.memtable_bytes) {}

Engine::Engine(Environment environment, const std::string& directory, const Options& options)
    : parts_(std::move(environment), directory, options),
      flusher_(
          parts_, installer_,
          {.release_log = [this](WalNumber min_live) { return write_path_.ReleaseLog(min_live); },
           .on_flushed = [this] { compactor_.Kick(); }}),
      fork_generation_(ForkGeneration()) {}

void Engine::Begin(WritePath::Start start) {
  write_path_.Begin(std::move(start));
  if (parts_.options.read_only) {
    parts_.health.Stop({ErrorCode::kReadOnly, "the database was opened read-only"});
    return;
  }
  flusher_.Kick();
  compactor_.Kick();
  last_write_seen_ = parts_.Now();
  const auto interval = parts_.options.sync_interval;
  timer_ = parts_.environment.scheduler->Every(interval.count() > 0 ? interval : kTickWithoutSyncs,
                                               [this] { Tick(); });
}

void Engine::Tick() {
  LookForSpace();
  write_path_.Tick();
  SizeCache(parts_);
  const bool idle = IsIdle();
  compactor_.SetIdle(idle);  // Kicks: one that found no space may find some now.
  if (idle && !was_idle_) {
    parts_.cache->ReleaseUnused();
    parts_.chunks->Release();
  }
  was_idle_ = idle;
  if (Result<void> deleted = parts_.tables->DeleteNoted(); !deleted) {
    parts_.health.NoteFailure(deleted.error());
  }
}

bool Engine::IsIdle() {
  const std::uint64_t writes = parts_.write_counters.writes.load(std::memory_order_relaxed);
  if (writes != writes_seen_) {
    writes_seen_ = writes;
    last_write_seen_ = parts_.Now();
  }
  return parts_.Now() - last_write_seen_ >= kIdleAfter;
}

void Engine::LookForSpace() {
  std::array<Backoff*, 1 + kLaneCount> all = {&parts_.flush_backoff};
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    all[1 + lane] = &parts_.compaction_backoff[lane];
  }
  if (std::ranges::none_of(all, [](const Backoff* backoff) { return backoff->waiting(); })) {
    return;
  }
  const std::uint64_t free_bytes = parts_.FreeBytes();
  for (Backoff* backoff : all) {
    backoff->NoteFree(parts_.Now(), free_bytes);
  }
}

Engine::~Engine() {
  if (fork_generation_ != ForkGeneration()) {
    // The threads are the parent's: there is nothing to join here.
    static_cast<void>(new std::shared_ptr<Scheduler>(std::move(parts_.environment.scheduler)));
  }
  static_cast<void>(Close());
  parts_.view.reset();
  CollectEpochs();
}

Result<void> Engine::Close() {
  if (parts_.view == nullptr || parts_.closing.exchange(true) ||
      fork_generation_ != ForkGeneration()) {
    return {};
  }
  if (timer_) {
    parts_.environment.scheduler->Cancel(*timer_);
  }
  Result<void> result = FlushBeforeClosing();
  compactor_.Stop();
  flusher_.Stop();
  preparer_.Stop();
  Result<void> closed = write_path_.Close();
  // Handles that are left keep the directory locked, and without any it may be opened again.
  if (Result<void> deleted = parts_.tables->DeleteNoted(); !deleted && closed) {
    closed = std::move(deleted);
  }
  parts_.view->Unlock();
  return result ? std::move(closed) : std::move(result);
}

std::size_t Engine::UnflushedBytes() const {
  const std::shared_ptr<const View> view = CurrentViewReference();
  std::size_t bytes = view->active->data_bytes();
  for (const FrozenMemtable& frozen : view->frozen_newest_first) {
    bytes += frozen.memtable->data_bytes();
  }
  return bytes;
}

// Without a log everything has to go into tables, with one what would take the next open long to
// replay; failing at that loses nothing. A flush that has begun, or is about to, is waited for,
// since its log segments stay until then.
Result<void> Engine::FlushBeforeClosing() {
  const bool wal = parts_.options.wal;
  const bool is_worth_it = !wal || UnflushedBytes() > kLeftInLogMax;
  if (parts_.health.stopped()) {
    return {};
  }
  if (!is_worth_it || CurrentViewReference()->active->empty()) {
    flusher_.AwaitRunning();
    return {};
  }
  Result<void> flushed = FlushActive();
  return wal ? Result<void>() : std::move(flushed);
}

Result<void> Engine::FlushActive() {
  FIRN_TRY_ASSIGN(const std::uint64_t ticket, write_path_.Freeze());
  FIRN_TRY(flusher_.Await(ticket));
  return {};
}

Result<void> Engine::CheckOpen() const {
  if (parts_.closing.load(std::memory_order_relaxed)) [[unlikely]] {
    return Error{ErrorCode::kClosed, "the database is closed"};
  }
  if (fork_generation_ != fork_generation.load(std::memory_order_relaxed)) [[unlikely]] {
    return Error{ErrorCode::kClosed, "the database belongs to the parent of this process"};
  }
  return {};
}

Result<void> Engine::CheckReadable(const Snapshot* snapshot) const {
  if (snapshot != nullptr && snapshot->handle().engine() != this) [[unlikely]] {
    return Error{ErrorCode::kInvalidArgument, "the snapshot is of another database"};
  }
  return CheckOpen();
}

Result<void> Engine::CheckRequest(const CommitRequest& request, const WriteOptions& options) const {
  auto invalid = [](std::string why) { return Error{ErrorCode::kInvalidArgument, std::move(why)}; };
  if (request.key.empty() && request.operations.empty()) {
    return invalid("the key is empty");
  }
  if (request.key.size() > kKeyBytesMax) {
    return invalid("key of " + std::to_string(request.key.size()) + " bytes, allowed are " +
                   std::to_string(kKeyBytesMax));
  }
  if (request.value.size() > kValueBytesMax) {
    return invalid("value of " + std::to_string(request.value.size()) + " bytes, allowed are " +
                   std::to_string(kValueBytesMax));
  }
  const std::size_t bytes_max =
      std::min<std::size_t>(kBatchBytesMax, parts_.options.memory_budget_bytes / 4);
  if (request.user_bytes() > bytes_max) {
    return invalid("write of " + std::to_string(request.user_bytes()) + " bytes, allowed are " +
                   std::to_string(bytes_max) + " (a quarter of memory_budget_bytes)");
  }
  if (!request.operations.empty()) {
    const Result<void> sound =
        VisitOperations(request.operations, [](const BatchOperation&) { return Result<void>(); });
    if (!sound) {
      return invalid(sound.error().context);
    }
  }
  if (options.applied_index && parts_.options.wal) {
    return invalid("applied_index goes only with option wal off");
  }
  if (!parts_.options.wal && options.durability == Durability::kDisk) {
    return invalid("durability kDisk needs option wal on");
  }
  return {};
}

Result<void> Engine::Write(CommitRequest& request, const WriteOptions& options) {
  FIRN_TRY(CheckOpen());
  FIRN_TRY(CheckRequest(request, options));
  request.applied_index = options.applied_index;
  return write_path_.Write(request, options.durability.value_or(parts_.options.durability));
}

Result<void> Engine::Sync() {
  FIRN_TRY(CheckOpen());
  if (parts_.options.wal) {
    return write_path_.Sync();
  }
  Result<FlushResult> flushed = Flush();
  return flushed ? Result<void>() : Result<void>(std::move(flushed).error());
}

Engine::ReadPoint Engine::PointFor(const Snapshot* snapshot, ReadScope& scope) const {
  for (;;) {
    const SequenceNumber sequence =
        snapshot != nullptr
            ? SequenceNumber{snapshot->sequence()}
            : SequenceNumber{parts_.visible_sequence.load(std::memory_order_acquire)};
    const View* view = parts_.view->Peek();
    if (snapshot != nullptr || sequence >= view->oldest_readable) [[likely]] {
      scope.SetOwner(view);
      return {.view = view, .sequence = sequence};
    }
  }
}

Result<Found> Engine::Find(std::string_view key, const ReadOptions& options, ReadScope& scope,
                           ReadTrace& trace) const {
  scope.SetFillCache(options.fill_cache);
  const ReadPoint point = PointFor(options.snapshot, scope);
  const PointRead read(*point.view, Lookup(key, point.sequence));
  Result<Found> found = read.Find(scope, trace);
  if (scope.has_given_up()) {
    return found;
  }
  const bool is_there = found && *found && (**found).kind == Kind::kPut;
  CountRead(trace, is_there);
  if (found && !is_there) {
    return Found{};
  }
  return found;
}

void Engine::CountRead(const ReadTrace& trace, bool found) const {
  parts_.read_counters.Add(ReadEvent::kGets);
  if (found) {
    parts_.read_counters.Add(ReadEvent::kGetsFound);
  }
  if (trace.source == ReadTrace::kMemtable) {
    parts_.read_counters.Add(ReadEvent::kMemtableHits);
  }
}

Result<TracedRead> Engine::Get(std::string_view key, const ReadOptions& options) const {
  FIRN_TRY(CheckReadable(options.snapshot));
  ReadScope scope;
  TracedRead read;
  FIRN_TRY_ASSIGN(const Found found, Find(key, options, scope, read.trace));
  if (found) {
    read.value.emplace(found->value);
    read.sequence = found->sequence;
  }
  return read;
}

Result<std::optional<TracedRead>> Engine::GetInMemory(std::string_view key) const {
  FIRN_TRY(CheckReadable(nullptr));
  ReadScope scope;
  scope.StayInMemory();
  TracedRead read;
  const Result<Found> found = Find(key, {}, scope, read.trace);
  if (scope.has_given_up()) {
    return std::optional<TracedRead>();
  }
  FIRN_TRY(found);
  if (*found) {
    read.value.emplace((**found).value);
    read.sequence = (**found).sequence;
  }
  return std::optional(std::move(read));
}

Result<std::optional<PinnedValue>> Engine::GetPinned(std::string_view key,
                                                     const ReadOptions& options) const {
  FIRN_TRY(CheckReadable(options.snapshot));
  ReadScope scope;
  ReadTrace trace;
  FIRN_TRY_ASSIGN(const Found found, Find(key, options, scope, trace));
  if (!found) {
    return std::optional<PinnedValue>();
  }
  return std::optional<PinnedValue>(std::in_place, found->value, PinOf(scope));
}

Result<std::vector<std::optional<std::string>>> Engine::MultiGet(
    std::span<const std::string_view> keys, const ReadOptions& options) const {
  FIRN_TRY(CheckReadable(options.snapshot));
  // One reference serves all keys: a read that met the disk would have left the epoch anyway.
  const std::shared_ptr<const View> view = CurrentViewReference();
  const SequenceNumber sequence =
      options.snapshot != nullptr
          ? SequenceNumber{options.snapshot->sequence()}
          : SequenceNumber{parts_.visible_sequence.load(std::memory_order_acquire)};
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  std::vector<PointRead> reads;
  reads.reserve(std::min(keys.size(), kReadsAtOnce));
  while (values.size() < keys.size()) {
    reads.clear();
    const auto rest = keys.subspan(values.size());
    for (std::string_view key : rest.first(std::min(rest.size(), kReadsAtOnce))) {
      reads.emplace_back(*view, Lookup(key, sequence));
    }
    for (const PointRead& read : reads) {
      read.Aim();
    }
    for (const PointRead& read : reads) {
      ReadScope scope;
      scope.SetOwner(view.get());
      scope.SetFillCache(options.fill_cache);
      ReadTrace trace;
      FIRN_TRY_ASSIGN(const Found found, read.Find(scope, trace));
      const bool is_there = found && found->kind == Kind::kPut;
      CountRead(trace, is_there);
      values.push_back(is_there ? std::optional<std::string>(found->value) : std::nullopt);
    }
  }
  return values;
}

Iterator Engine::NewIterator(const ScanOptions& options) const {
  return Iterator(NewSequencedIterator(options));
}

std::unique_ptr<internal::DatabaseIterator> Engine::NewSequencedIterator(
    const ScanOptions& options) const {
  // The view first: then the sequence is not below its oldest_readable (I-E2).
  ViewHold hold = parts_.view->Hold();
  const SequenceNumber latest{parts_.visible_sequence.load(std::memory_order_acquire)};
  Result<ScanBounds> bounds = BoundsOf(options);
  Result<void> usable = CheckReadable(options.snapshot);
  if (usable && !bounds) {
    usable = bounds.error();
  }
  return std::make_unique<internal::DatabaseIterator>(
      internal::DatabaseIterator::Setup{
          .hold = std::move(hold),
          .sequence =
              options.snapshot != nullptr ? SequenceNumber{options.snapshot->sequence()} : latest,
          .bounds = bounds ? *std::move(bounds) : ScanBounds{},
          .snapshot = options.snapshot != nullptr ? std::optional(*options.snapshot) : std::nullopt,
          .fill_cache = options.fill_cache},
      std::move(usable));
}

Snapshot Engine::TakeSnapshot() const {
  return Snapshot(std::make_shared<internal::SnapshotHandle>(shared_from_this(), parts_.snapshots));
}

Result<FlushResult> Engine::Flush() {
  FIRN_TRY(CheckOpen());
  FIRN_TRY_ASSIGN(const std::uint64_t ticket, write_path_.Freeze());
  return flusher_.Await(ticket);
}

Result<CompactionResult> Engine::CompactRange(const ScanOptions& options) {
  FIRN_TRY(CheckOpen());
  FIRN_TRY_ASSIGN(const std::optional<KeyRange> range, RangeOf(options));
  if (!CurrentViewReference()->active->empty()) {
    FIRN_TRY(Flush());
  }
  return compactor_.Run([&range](const Version& version) { return PlanRange(version, range); });
}

Result<CompactionResult> Engine::CompactLevel(int level) {
  FIRN_TRY(CheckOpen());
  if (level < 0 || level + 1 >= kLevelCount) {
    return Error{ErrorCode::kInvalidArgument, "level " + std::to_string(level) +
                                                  " cannot be compacted, 0 to " +
                                                  std::to_string(kLevelCount - 2) + " can"};
  }
  return compactor_.Run([level](const Version& version) { return PlanLevel(version, level); });
}

void Engine::SetMemtableBytes(std::size_t bytes) {
  const std::size_t bytes_max = parts_.options.memory_budget_bytes / 4;
  const std::size_t clamped = std::clamp<std::size_t>(bytes, 1, bytes_max);
  parts_.memtable_bytes.store(clamped, std::memory_order_relaxed);
  parts_.chunks->SetMemtableBytes(clamped);
}

AppliedPoint Engine::Applied() const { return CurrentViewReference()->version->applied(); }

Result<void> Engine::NoteApplied(AppliedPoint applied) {
  FIRN_TRY(CheckOpen());
  FIRN_CHECK(!parts_.options.wal);
  return write_path_.NoteApplied(std::move(applied));
}

}  // namespace firn
