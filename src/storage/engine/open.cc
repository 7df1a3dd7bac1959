// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/open.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/propagate.h"
#include "storage/engine/options_check.h"
#include "storage/engine/registry.h"
#include "storage/memtable/insertion.h"
#include "storage/wal/operations.h"

namespace firn {

Result<DirectoryListing> ListDirectory(FileSystem& files, const std::string& directory) {
  FIRN_TRY_ASSIGN(const std::vector<std::string> names, files.List(directory));
  DirectoryListing listing;
  for (const std::string& name : names) {
    if (const auto table = ParseTableName(name)) {
      listing.tables.push_back(*table);
    } else if (const auto segment = ParseWalFileName(name)) {
      listing.segments.push_back(*segment);
    } else if (const auto manifest = ParseManifestName(name)) {
      listing.manifests.push_back(*manifest);
    } else if (name == kSuperFileName) {
      listing.has_super = true;
    }
  }
  return listing;
}

// One opening, step by step.
class Opener {
 public:
  Opener(Environment environment, const std::string& directory, const Options& options)
      : engine_(new Engine(std::move(environment), directory, options)), parts_(engine_->parts_) {}

  Result<std::shared_ptr<Engine>> Run() {
    FIRN_TRY(Lock());
    FIRN_TRY_ASSIGN(listing_, ListDirectory(files(), parts_.directory));
    FIRN_TRY(RecoverCatalog());
    FIRN_TRY(CheckTablesExist());
    FIRN_TRY(ReplayIntoMemtables());
    if (!parts_.options.read_only) {
      FIRN_TRY(StartManifest());
    }
    FIRN_TRY(StartWriting());
    return engine_;
  }

 private:
  FileSystem& files() { return *parts_.environment.files; }

  Result<void> Lock() {
    Result<std::vector<std::string>> names = files().List(parts_.directory);
    const bool missing = !names && names.error().code == ErrorCode::kNotFound;
    if (missing && parts_.options.create_if_missing && !parts_.options.read_only) {
      FIRN_TRY(files().CreateDirectory(parts_.directory));
    } else if (missing) {
      return Error{ErrorCode::kNotFound, parts_.directory + ": no such database"};
    } else if (!names) {
      return std::move(names).error();
    }
    if (parts_.options.read_only) {
      return {};
    }
    Result<std::unique_ptr<FileLock>> lock = files().Lock(JoinPath(parts_.directory, "LOCK"));
    if (!lock) {
      return lock.error().code == ErrorCode::kBusy
                 ? BusyError(parts_.environment.files.get(), parts_.directory)
                 : std::move(lock).error();
    }
    lock_ = *std::move(lock);
    return {};
  }

  // A SUPER without one good slot, where there is neither table nor log, is what a crash left of
  // making the database: its first slot is durable before the first of those files is made.
  bool WasNeverMade() {
    if (!listing_.has_super) {
      return true;
    }
    if (!listing_.tables.empty() || !listing_.segments.empty()) {
      return false;
    }
    const Result<SuperSlot> super = Superblock::Read(files(), parts_.directory);
    return !super && super.error().code == ErrorCode::kCorruption;
  }

  Result<void> RecoverCatalog() {
    FIRN_TRY(WasNeverMade() ? CreateCatalog() : ReadCatalog());
    parts_.catalog->set_roll_over_bytes(parts_.environment.manifest_bytes_max);
    return {};
  }

  Result<void> ReadCatalog() {
    if (parts_.options.error_if_exists) {
      return Error{ErrorCode::kAlreadyExists, parts_.directory + ": there is a database"};
    }
    FIRN_TRY_ASSIGN(parts_.catalog,
                    Catalog::Recover(parts_.environment.files, parts_.directory, parts_.tables));
    for (const TableName& table : listing_.tables) {
      parts_.catalog->NoteExisting(table.number);
    }
    for (ManifestNumber manifest : listing_.manifests) {
      parts_.catalog->NoteExisting(manifest);
    }
    return {};
  }

  // SUPER is durable before the first log or table is made, so that without it there was never any
  // data: a manifest alone is what a crash left of an earlier attempt.
  Result<void> CreateCatalog() {
    if (!listing_.tables.empty() || !listing_.segments.empty()) {
      return Error{ErrorCode::kCorruption,
                   parts_.directory + "/SUPER: missing, but there are tables or logs"};
    }
    if (!parts_.options.create_if_missing || parts_.options.read_only) {
      return Error{ErrorCode::kNotFound, parts_.directory + ": no database in it"};
    }
    parts_.catalog = Catalog::Fresh(parts_.environment.files, parts_.directory, parts_.tables);
    for (ManifestNumber manifest : listing_.manifests) {
      parts_.catalog->NoteExisting(manifest);
    }
    return {};
  }

  Result<void> CheckTablesExist() {
    const Version& version = *parts_.catalog->version();
    auto check = [this](const TableList& tables) -> Result<void> {
      for (const auto& table : tables) {
        if (std::ranges::find(listing_.tables, table->meta().name) == listing_.tables.end()) {
          return Error{ErrorCode::kCorruption,
                       parts_.tables->PathOf(table->meta().name) + ": missing"};
        }
      }
      return {};
    };
    FIRN_TRY(check(version.empty_tables()));
    for (int level = 0; level < kLevelCount; ++level) {
      FIRN_TRY(check(version.tables(level)));
    }
    return {};
  }

  // Replay never flushes: full memtables are frozen and left to the background.
  Result<void> ReplayIntoMemtables() {
    active_ = parts_.NewMemtable();
    insertions_.emplace(*active_);
    last_sequence_ = parts_.catalog->last_sequence();
    FIRN_TRY_ASSIGN(replay_,
                    ReplayLog(files(), parts_.directory, {.min_live = parts_.catalog->min_wal()},
                              [this](const LogRecord& record) {
                                return Replay(record.first, record.payload);
                              }));
    DrainReplayed();
    FIRN_TRY(parts_.catalog->RequireDurable(replay_.durable_manifest));
    first_new_segment_ = std::max(replay_.largest_segment, parts_.catalog->min_wal()).Next();
    const bool has_unflushed = !active_->empty() || !frozen_.empty();
    if (has_unflushed && !parts_.options.wal && !parts_.options.read_only) {
      return Error{ErrorCode::kInvalidArgument,
                   "option wal is off, but the log of " + parts_.directory +
                       " holds writes that are in no table: open it with wal on and flush"};
    }
    return {};
  }

  static constexpr std::size_t kReplayedBytes = std::size_t{64} << 10;

  Result<void> Replay(SequenceNumber first, std::string_view operations) {
    if (active_->Fills(parts_.memtable_bytes) && !active_->empty()) {
      DrainReplayed();
      Freeze();
      insertions_.emplace(*active_);
    }
    const bool is_kept = operations.size() <= kReplayedBytes;
    if (is_kept) {
      operations = KeepReplayed(operations);
    }
    SequenceNumber next = first;
    FIRN_TRY(
        VisitOperations(operations, [this, &next](const BatchOperation& operation) -> Result<void> {
          // What tables hold already is met again when a crash came between a flush and the release
          // of its log segment.
          if (next > last_sequence_) {
            insertions_->Add({.key = operation.key,
                              .sequence = next,
                              .kind = operation.kind,
                              .value = operation.value});
            last_sequence_ = next;
          }
          next = next.Next();
          return {};
        }));
    if (!is_kept) {
      DrainReplayed();
    }
    return {};
  }

  // A copy of a record that holds until what comes of it is inserted, as a record itself does not.
  std::string_view KeepReplayed(std::string_view operations) {
    if (replayed_.size() + operations.size() > kReplayedBytes) {
      DrainReplayed();
    }
    replayed_.reserve(kReplayedBytes);
    const std::size_t begin = replayed_.size();
    replayed_.append(operations);
    return std::string_view(replayed_).substr(begin);
  }

  void DrainReplayed() {
    insertions_->Drain();
    replayed_.clear();
  }

  // Every opening begins a segment, and one that nothing fills would stay for ever. So those that
  // hold nothing go at once, and those that hold little when a few have come together.
  Result<void> StartManifest() {
    constexpr std::size_t kSegmentsMax = 4;
    const std::size_t segments = NeededSegments().size();
    if (segments > 0 && active_->empty() && frozen_.empty()) {
      VersionEdit edit;
      edit.min_wal = first_new_segment_;
      return parts_.catalog->StartManifestFrom(edit);
    }
    if (segments >= kSegmentsMax && !active_->empty()) {
      Freeze();
      frozen_.front().next_wal = first_new_segment_;
    }
    return parts_.catalog->StartManifest();
  }

  std::vector<WalNumber> NeededSegments() const {
    std::vector<WalNumber> needed = replay_.segments;
    std::erase_if(needed,
                  [this](WalNumber segment) { return segment < parts_.catalog->min_wal(); });
    return needed;
  }

  void Freeze() {
    // All segments stay until the memtable that is active after the replay has been flushed too:
    // that one is frozen with the number of a segment newer than any of these.
    parts_.frozen_memtables.Add(active_);
    frozen_.insert(frozen_.begin(), {.memtable = std::exchange(active_, parts_.NewMemtable()),
                                     .ticket = next_ticket_++,
                                     .next_wal = parts_.catalog->min_wal(),
                                     .last_sequence = last_sequence_,
                                     .applied = {}});
  }

  Result<void> StartWriting() {
    WritePath::Start start;
    if (parts_.options.wal && !parts_.options.read_only) {
      FIRN_TRY_ASSIGN(start.log, StartLog());
    }
    auto view = std::make_shared<View>();
    view->active = active_;
    view->frozen_newest_first = std::move(frozen_);
    view->version = parts_.catalog->version();
    view->oldest_readable = last_sequence_;
    parts_.view = std::make_unique<CurrentView>(std::move(view), lock_);
    start.last_sequence = last_sequence_;
    start.applied = parts_.catalog->version()->applied();
    start.next_ticket = next_ticket_;
    if (!parts_.options.read_only) {
      FIRN_TRY(DeleteOrphans());  // Before background work can change what is live.
    }
    engine_->Begin(std::move(start));
    return {};
  }

  Result<std::unique_ptr<Log>> StartLog() {
    constexpr std::uint64_t kSegmentMin = std::uint64_t{1} << 20;
    constexpr std::uint64_t kSegmentMax = std::uint64_t{64} << 20;
    return Log::Create(
        {.files = files(),
         .directory = parts_.directory,
         .segment_bytes =
             std::clamp<std::uint64_t>(parts_.options.memtable_bytes, kSegmentMin, kSegmentMax),
         .way = parts_.options.wal_append,
         .first_segment = first_new_segment_,
         .predecessor = replay_.end,
         .earlier_segments = NeededSegments(),
         .durable_manifest = [catalog =
                                  parts_.catalog.get()] { return catalog->durable_position(); },
         .on_progress = [preparer = &engine_->preparer_] { preparer->Kick(); }});
  }

  // Only after everything above has succeeded: what is not named now never will be.
  Result<void> DeleteOrphans() {
    std::vector<TableName> live;
    const Version& version = *parts_.catalog->version();
    for (const VersionEdit::Added& added : version.Snapshot().added) {
      live.push_back(added.table.name);
    }
    std::ranges::sort(live);
    for (const TableName& table : listing_.tables) {
      if (!std::ranges::binary_search(live, table)) {
        FIRN_TRY(files().Delete(parts_.tables->PathOf(table)));
      }
    }
    const ManifestNumber current = parts_.catalog->durable_position().manifest;
    for (ManifestNumber manifest : listing_.manifests) {
      if (manifest != current) {
        FIRN_TRY(files().Delete(JoinPath(parts_.directory, ManifestFileName(manifest))));
      }
    }
    for (WalNumber segment : listing_.segments) {
      if (segment < parts_.catalog->min_wal()) {
        FIRN_TRY(files().Delete(JoinPath(parts_.directory, WalFileName(segment))));
      }
    }
    return {};
  }

  std::shared_ptr<const FileLock> lock_;
  std::shared_ptr<Engine> engine_;
  EngineParts& parts_;
  DirectoryListing listing_;
  ReplayReport replay_;
  WalNumber first_new_segment_;
  std::shared_ptr<Memtable> active_;
  std::optional<InsertionQueue> insertions_;  // Into active_.
  std::string replayed_;                      // What those that wait refer to.
  std::vector<FrozenMemtable> frozen_;
  SequenceNumber last_sequence_;
  std::uint64_t next_ticket_ = 1;
};

Result<std::shared_ptr<Engine>> Engine::Open(Environment environment, const std::string& directory,
                                             const Options& options) {
  FIRN_TRY(CheckOptions(options));
  FIRN_TRY_ASSIGN(std::shared_ptr<Engine> engine,
                  Opener(std::move(environment), directory, options).Run());
  RegisterLock(engine->parts().environment.files.get(), directory, engine->LockReference());
  return engine;
}

}  // namespace firn
