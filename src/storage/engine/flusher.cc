// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/flusher.h"

#include <utility>

#include "base/propagate.h"
#include "storage/compaction/version_filter.h"
#include "storage/engine/flush_cut.h"
#include "storage/version/table_output.h"

namespace firn {

TableInfo InfoOf(const TableMeta& table) {
  return {.name = Describe(table.name),
          .size_bytes = table.bytes(),
          .entries = table.properties.entry_count,
          .min_key = table.properties.smallest_key,
          .max_key = table.properties.largest_key};
}

void Flusher::Kick() {
  if (!parts_.flush_backoff.IsDue(parts_.Now())) {
    return;
  }
  {
    MutexLock lock(mutex_);
    if (scheduled_ || stopped_) {
      return;
    }
    scheduled_ = true;
  }
  parts_.environment.scheduler->Submit(Lane::kFlush, [this] {
    for (bool go_on = true; go_on;) {
      go_on = FlushPending();
      // A memtable frozen since the last look found this task still scheduled and relies on it.
      MutexLock lock(mutex_);
      go_on = go_on && !stopped_ && HasPending();
      scheduled_ = go_on;
      changed_.NotifyAll();
    }
  });
}

std::optional<FrozenMemtable> Flusher::Oldest() const {
  const std::shared_ptr<const View> view = parts_.view->Get();
  return view->frozen_newest_first.empty() ? std::nullopt
                                           : std::optional(view->frozen_newest_first.back());
}

bool Flusher::HasPending() const { return !parts_.view->Get()->frozen_newest_first.empty(); }

bool Flusher::FlushPending() {
  for (;;) {
    std::optional<FrozenMemtable> oldest = Oldest();
    if (!oldest) {
      return true;
    }
    if (parts_.health.stopped() || IsStopped() || !parts_.flush_backoff.IsDue(parts_.Now())) {
      return false;
    }
    const std::uint64_t ticket = oldest->ticket;
    parts_.chunks->BeginFlush();
    Result<FlushResult> flushed = FlushOldest(*std::move(oldest));
    parts_.chunks->EndFlush();
    if (flushed) {
      parts_.health.NoteSpace();
      parts_.flush_backoff.NoteSuccess();
    } else {
      NoteFailure(flushed.error());
      parts_.flush_backoff.NoteFailure(parts_.Now(), parts_.FreeBytes());
    }
    MutexLock lock(mutex_);
    changed_.NotifyAll();
    if (!flushed) {
      return false;
    }
    flushed_ticket_ = ticket;
    if (auto found = expected_.find(ticket); found != expected_.end()) {
      found->second = *std::move(flushed);
    }
  }
}

// A flush reads memory alone: what fails is writing, whatever the error, as when the directory is
// gone. Nobody may wait for a flush that only an error of another kind would end.
void Flusher::NoteFailure(const Error& error) {
  if (error.code == ErrorCode::kNoSpace) {
    parts_.health.NoteFailure(error);
  } else {
    parts_.health.Stop(error);
  }
}

Result<FlushResult> Flusher::FlushOldest(FrozenMemtable frozen) {
  const auto start = parts_.Now();
  const std::vector<SequenceNumber> readers = parts_.snapshots.Readers();
  FIRN_TRY_ASSIGN(std::vector<TableMeta> tables, WriteTables(frozen, readers));
  frozen.memtable.reset();  // What follows may take long: the View alone keeps it.
  FlushResult result{.table = InfoOf(tables.front()),
                     .filter_bits = tables.front().properties.filter_bits};
  std::uint64_t bytes = 0;
  Installer::Change change{
      .edit = {}, .drops_oldest_frozen = true, .oldest_readable = readers.back()};
  for (TableMeta& table : tables) {
    bytes += table.bytes();
    change.edit.added.push_back({.level = 0, .table = std::move(table)});
  }
  change.edit.last_sequence = frozen.last_sequence;
  DropOldEmptyTables(change.edit);
  if (parts_.options.wal) {
    change.edit.min_wal = frozen.next_wal;
  } else {
    change.edit.applied_index = frozen.applied.index;
    change.edit.replica_state = std::move(frozen.applied.state);
  }
  FIRN_TRY(installer_.Install(change));
  Add(parts_.background_counters.flushes, 1);
  Add(parts_.background_counters.flush_bytes_written, bytes);
  parts_.controller.NoteFlushed({.bytes_written = bytes, .took = parts_.Now() - start});
  // The flush stands whatever becomes of the clearing up; that failing shows at the next open.
  if (Result<void> released = hooks_.release_log(frozen.next_wal); !released) {
    parts_.health.NoteFailure(released.error());
  }
  hooks_.on_flushed();
  return result;
}

// Tables without entries are there to be looked at; only the last few are.
void Flusher::DropOldEmptyTables(VersionEdit& edit) const {
  constexpr std::size_t kEmptyTablesMax = 8;
  const std::shared_ptr<const View> view = parts_.view->Get();
  const TableList& empty = view->version->empty_tables();
  for (std::size_t i = 0; i + kEmptyTablesMax <= empty.size(); ++i) {
    edit.removed.push_back({.level = 0, .table = empty[i]->meta().name});
  }
}

Result<std::vector<TableMeta>> Flusher::WriteTables(const FrozenMemtable& frozen,
                                                    const std::vector<SequenceNumber>& readers) {
  std::vector<TableMeta> tables;
  Result<void> written = WriteAll(frozen, readers, tables);
  if (written) {
    written = parts_.environment.files->SyncDirectory(parts_.directory);
  }
  if (written) {
    return tables;
  }
  // The failure matters more than one met in clearing up.
  for (const TableMeta& table : tables) {
    static_cast<void>(parts_.environment.files->Delete(parts_.tables->PathOf(table.name)));
  }
  return std::move(written).error();
}

Result<void> Flusher::WriteAll(const FrozenMemtable& frozen,
                               const std::vector<SequenceNumber>& readers,
                               std::vector<TableMeta>& tables) {
  const std::uint64_t entries = frozen.memtable->entry_count();
  const bool is_one_table = IsExpected(frozen.ticket);
  FlushCut cut(entries);
  TableOutput output(parts_.output_setup());
  FIRN_TRY(output.Begin(0, entries));
  VersionFilter filter(readers);
  for (Memtable::Scan scan(*frozen.memtable); scan.valid(); scan.Next()) {
    const Entry entry = scan.entry();
    if (cut.Before(entry.key, entry.sequence) && !is_one_table) [[unlikely]] {
      FIRN_TRY_ASSIGN(TableMeta table, output.Finish());
      tables.push_back(std::move(table));
      FIRN_TRY(output.Begin(0, entries));
    }
    if (filter.Keep(entry, [](std::string_view) { return false; })) {
      FIRN_TRY(output.Add(entry));
    }
  }
  FIRN_TRY_ASSIGN(TableMeta table, output.Finish());
  tables.push_back(std::move(table));
  return {};
}

void Flusher::Expect(std::uint64_t ticket) {
  MutexLock lock(mutex_);
  expected_[ticket] = std::nullopt;
}

void Flusher::Forget(std::uint64_t ticket) {
  MutexLock lock(mutex_);
  expected_.erase(ticket);
}

Result<FlushResult> Flusher::Await(std::uint64_t ticket) {
  MutexLock lock(mutex_);
  parts_.environment.scheduler->Wait(mutex_, changed_, [this, ticket]() FIRN_REQUIRES(mutex_) {
    return flushed_ticket_ >= ticket || stopped_ || !WhyNot();
  });
  const auto found = expected_.find(ticket);
  std::optional<FlushResult> result = std::move(found->second);
  expected_.erase(found);
  if (result) {
    return *std::move(result);
  }
  FIRN_TRY(WhyNot());
  return Error{ErrorCode::kClosed, "the database was closed while it flushed"};
}

Result<void> Flusher::AwaitFewerThan(std::size_t count) {
  MutexLock lock(mutex_);
  auto is_few = [this, count] { return parts_.view->Get()->frozen_newest_first.size() < count; };
  parts_.environment.scheduler->Wait(mutex_, changed_, [this, &is_few]() FIRN_REQUIRES(mutex_) {
    return is_few() || stopped_ || !WhyNot();
  });
  return is_few() ? Result<void>() : WhyNot();
}

void Flusher::AwaitRunning() {
  MutexLock lock(mutex_);
  parts_.environment.scheduler->Wait(mutex_, changed_,
                                     [this]() FIRN_REQUIRES(mutex_) { return !scheduled_; });
}

// Whoever flushes by hand is told of one table.
bool Flusher::IsExpected(std::uint64_t ticket) const {
  MutexLock lock(mutex_);
  return expected_.contains(ticket);
}

bool Flusher::IsStopped() const {
  MutexLock lock(mutex_);
  return stopped_;
}

Result<void> Flusher::WhyNot() const {
  FIRN_TRY(parts_.health.CheckWritable());
  if (auto no_space = parts_.health.no_space()) {
    return *std::move(no_space);
  }
  return {};
}

void Flusher::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  AwaitRunning();
}

}  // namespace firn
