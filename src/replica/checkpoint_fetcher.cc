// SPDX-License-Identifier: Apache-2.0
//
// A fetch walks through: the listing, each file of it in turn (its parts may arrive in any order
// and are appended in theirs), opening and verifying the store. At most one piece of file work is
// under way. What fails ends the fetch; the sender is told and begins anew when it sees fit.
#include "replica/checkpoint_fetcher.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::uint64_t kPartsAhead = 8;

// A file that is being written. The lane's.
struct Output {
  std::unique_ptr<AppendableFile> file;
};

struct WriteJob {
  FileSystem& files;
  std::string directory;
  std::string path;
  std::shared_ptr<Output> output;
  std::vector<std::string> parts;
  bool is_last = false;
};

Result<void> WriteParts(const WriteJob& job) {
  if (job.output->file == nullptr) {
    FIRN_TRY_ASSIGN(job.output->file, job.files.CreateAppendable(job.path));
  }
  for (const std::string& part : job.parts) {
    FIRN_TRY(job.output->file->Append(part));
  }
  if (job.is_last) {
    FIRN_TRY(job.output->file->Sync());
    FIRN_TRY(job.output->file->Close());
    FIRN_TRY(job.files.SyncDirectory(job.directory));  // It need not come a second time.
  }
  return {};
}

}  // namespace

struct CheckpointFetcher::Fetch {
  bool has_file() const { return listing && current < listing->size(); }
  const ListedFile& file() const { return (*listing)[current]; }

  NodeId from;
  std::string message;
  StateSnapshot state;
  std::uint64_t checkpoint = 0;
  std::uint64_t store = 0;
  std::string path;              // Of the store; empty: there is none yet.
  std::uint64_t idle_ticks = 0;  // Since the last part came.

  std::string listing_bytes;
  std::optional<std::vector<ListedFile>> listing;

  // The file that is being brought.
  std::size_t current = 0;
  std::shared_ptr<Output> output = std::make_shared<Output>();
  std::uint64_t asked = 0;                     // Parts below have been asked for.
  std::uint64_t written = 0;                   // Parts below have been handed to the lane.
  std::map<std::uint64_t, std::string> parts;  // Those that have come, by offset.
  bool is_ending = false;                      // The lane has its last part,
  bool is_linking = false;                     // or links it to what was kept.

  KeptFiles finished;
  bool is_given_up = false;
};

CheckpointFetcher::CheckpointFetcher(Setup setup)
    : setup_(std::move(setup)),
      stores_(setup_.first_store),
      looking_(*setup_.node.environment.scheduler, setup_.wake),
      writing_(*setup_.node.environment.scheduler, setup_.wake),
      preparing_(*setup_.node.environment.scheduler, setup_.wake),
      removing_(*setup_.node.environment.scheduler, setup_.wake) {
  // Where this fails, a store that stands in the way ends a fetch, and is removed with it.
  if (Result<std::vector<std::uint64_t>> stores = StoresFrom(setup_.node, stores_)) {
    kept_stores_ = *std::move(stores);
  }
  for (const std::uint64_t store : kept_stores_) {
    stores_ = std::max(stores_, store + 1);
  }
  has_looked_ = kept_stores_.empty();
}

CheckpointFetcher::~CheckpointFetcher() = default;

void CheckpointFetcher::Begin(NodeId from, std::string message, const StateSnapshot& state) {
  const Result<std::uint64_t> checkpoint = DecodeCheckpointId(state.data);
  if (!checkpoint || preparing_.is_under_way() || writing_.is_under_way()) {
    return;
  }
  unneeded_ticks_ = 0;
  if (fetch_) {
    if (fetch_->checkpoint == *checkpoint && fetch_->from == from) {
      fetch_->message = std::move(message);
    }
    return;
  }
  fetch_ = std::make_unique<Fetch>();
  fetch_->from = from;
  fetch_->message = std::move(message);
  fetch_->state = state;
  fetch_->checkpoint = *checkpoint;
  Ask();
}

// The listing is asked for part by part; of a file several parts are on their way.
void CheckpointFetcher::Ask() {
  Fetch& fetch = *fetch_;
  const auto ask = [&](const std::string& name, std::uint64_t offset) {
    const FetchRequest request{.checkpoint = fetch.checkpoint, .file = name, .offset = offset};
    setup_.peers.Send(
        {.kind = PeerMessageKind::kFetch, .to = fetch.from, .bytes = Encode(request)});
  };
  if (!fetch.listing) {
    ask({}, fetch.listing_bytes.size());
    return;
  }
  if (!fetch.has_file()) {
    return;
  }
  const std::uint64_t end =
      std::min(fetch.file().size, fetch.written + kPartsAhead * kChunkBytesMax);
  for (; fetch.asked < end; fetch.asked += kChunkBytesMax) {
    if (!fetch.parts.contains(fetch.asked)) {
      ask(fetch.file().name, fetch.asked);
    }
  }
}

void CheckpointFetcher::Receive(NodeId from, const Chunk& chunk) {
  if (!fetch_ || from != fetch_->from || chunk.request.checkpoint != fetch_->checkpoint) {
    return;
  }
  Fetch& fetch = *fetch_;
  if (fetch.is_given_up) {
    return;
  }
  if (chunk.is_gone) {
    GiveUp();
    return;
  }
  fetch.idle_ticks = 0;
  const std::uint64_t offset = chunk.request.offset;
  if (!fetch.listing) {
    if (chunk.request.file.empty() && offset == fetch.listing_bytes.size()) {
      fetch.listing_bytes += chunk.bytes;
      TakeListing(chunk.bytes.size() < kChunkBytesMax);
    }
    return;
  }
  if (!fetch.has_file() || chunk.request.file != fetch.file().name || offset < fetch.written ||
      offset >= fetch.asked || offset % kChunkBytesMax != 0) {
    return;
  }
  const std::uint64_t expected =
      std::min<std::uint64_t>(fetch.file().size - offset, kChunkBytesMax);
  if (chunk.bytes.size() == expected) {
    fetch.parts.emplace(offset, chunk.bytes);
  }
}

void CheckpointFetcher::TakeListing(bool is_whole) {
  Fetch& fetch = *fetch_;
  if (!is_whole) {
    if (fetch.listing_bytes.size() > kListingBytesMax) {
      GiveUp();
    } else {
      Ask();
    }
    return;
  }
  Result<std::vector<ListedFile>> listing = DecodeListing(fetch.listing_bytes);
  if (!listing) {
    GiveUp();
    return;
  }
  fetch.listing = *std::move(listing);
}

// Other files than those of a checkpoint do no harm: nothing asks for them by name, size and mark.
// A store that cannot be read counts for nothing.
void CheckpointFetcher::LookForKept() {
  has_looked_ = true;
  looking_.Start(Lane::kTransfer, [&node = setup_.node, stores = kept_stores_] {
    KeptFiles kept;
    for (const std::uint64_t store : stores) {
      const std::string path = StorePath(node, store);
      const Result<std::vector<ListedFile>> listing = ListFiles(*node.environment.files, path);
      for (const ListedFile& file : listing ? *listing : std::vector<ListedFile>()) {
        kept[file.name] = {.path = JoinPath(path, file.name), .size = file.size, .mark = file.mark};
      }
    }
    return kept;
  });
}

void CheckpointFetcher::Tick() {
  if (!has_looked_) {
    LookForKept();
  }
  if (!fetch_ && !is_busy() && ++unneeded_ticks_ >= setup_.kept_ticks) {
    ForgetKept();
  }
  if (!fetch_ || is_busy()) {
    return;
  }
  ++fetch_->idle_ticks;
  if (fetch_->idle_ticks >= setup_.patience_ticks) {
    GiveUp();
  } else if (fetch_->idle_ticks % setup_.resend_ticks == 0) {
    fetch_->asked = fetch_->written;
    Ask();
  }
}

std::optional<CheckpointFetcher::Fetched> CheckpointFetcher::Turn() {
  RemoveUnused();
  if (std::optional<KeptFiles> kept = looking_.Take()) {
    kept_ = *std::move(kept);
  }
  if (!fetch_) {
    return std::nullopt;
  }
  if (auto prepared = preparing_.Take()) {
    if (*prepared) {
      return Finish(**std::move(prepared));
    }
    // One of the files is not what its mark says.
    fetch_->finished.clear();
    ForgetKept();
    GiveUp();
  }
  if (const std::optional<Result<void>> wrote = writing_.Take()) {
    if (!*wrote) {
      if (fetch_->is_linking) {
        ForgetKept();
      }
      GiveUp();
    } else if (fetch_->is_ending) {
      EndFile();
    }
  }
  if (has_looked_ && !is_busy()) {
    if (fetch_->is_given_up) {
      Abandon();
    } else if (fetch_->listing) {
      GoOn();
    }
  }
  return std::nullopt;
}

// No file work is under way.
void CheckpointFetcher::GoOn() {
  Fetch& fetch = *fetch_;
  if (fetch.path.empty()) {
    MakeStore();
    return;
  }
  if (!fetch.has_file()) {
    Prepare();
    return;
  }
  FileSystem& files = *setup_.node.environment.files;
  const ListedFile& file = fetch.file();
  const std::string path = JoinPath(fetch.path, file.name);
  const auto kept = kept_.find(file.name);
  if (kept != kept_.end() && kept->second.size == file.size && kept->second.mark == file.mark) {
    fetch.is_ending = true;
    fetch.is_linking = true;
    writing_.Start(Lane::kTransfer,
                   [&files, from = kept->second.path, path] { return files.Link(from, path); });
    return;
  }
  WriteJob job{
      .files = files, .directory = fetch.path, .path = path, .output = fetch.output, .parts = {}};
  for (auto part = fetch.parts.begin(); part != fetch.parts.end() && part->first == fetch.written;
       part = fetch.parts.erase(part)) {
    fetch.written += part->second.size();
    job.parts.push_back(std::move(part->second));
  }
  job.is_last = fetch.written == file.size;
  if (job.is_last || !job.parts.empty()) {
    fetch.is_ending = job.is_last;
    writing_.Start(Lane::kTransfer, [job = std::move(job)] { return WriteParts(job); });
  }
  Ask();
}

void CheckpointFetcher::MakeStore() {
  fetch_->store = stores_++;
  fetch_->path = StorePath(setup_.node, fetch_->store);
  writing_.Start(Lane::kTransfer, [&files = *setup_.node.environment.files, path = fetch_->path] {
    return files.CreateDirectory(path);
  });
}

void CheckpointFetcher::EndFile() {
  Fetch& fetch = *fetch_;
  const ListedFile& file = fetch.file();
  fetch.finished[file.name] = {
      .path = JoinPath(fetch.path, file.name), .size = file.size, .mark = file.mark};
  ++fetch.current;
  fetch.output = std::make_shared<Output>();
  fetch.asked = 0;
  fetch.written = 0;
  fetch.parts.clear();
  fetch.is_ending = false;
  fetch.is_linking = false;
}

// The store has to be what the snapshot says, and whole: after the switch there is no way back.
void CheckpointFetcher::Prepare() {
  preparing_.Start(Lane::kTransfer,
                   [&node = setup_.node, path = fetch_->path, store = fetch_->store,
                    expected = fetch_->state]() -> Result<std::unique_ptr<StateMachine>> {
                     FIRN_TRY(node.environment.files->SyncDirectory(path));
                     FIRN_TRY_ASSIGN(std::unique_ptr<StateMachine> machine, OpenStore(node, store));
                     FIRN_TRY_ASSIGN(const std::uint64_t bytes, machine->engine().Verify());
                     static_cast<void>(bytes);
                     const ReplicaState& state = machine->state();
                     if (state.index != expected.index || state.term != expected.term ||
                         state.membership != expected.membership) {
                       return Error{ErrorCode::kCorruption,
                                    path + ": is of index " + std::to_string(state.index.value) +
                                        ", the snapshot is of index " +
                                        std::to_string(expected.index.value)};
                     }
                     return machine;
                   });
}

CheckpointFetcher::Fetched CheckpointFetcher::Finish(std::unique_ptr<StateMachine> machine) {
  const std::unique_ptr<Fetch> done = std::move(fetch_);
  ForgetKept();
  return {.from = done->from,
          .checkpoint = done->checkpoint,
          .message = std::move(done->message),
          .state = std::move(done->state),
          .store = done->store,
          .machine = std::move(machine)};
}

// Takes effect when no file work is under way.
void CheckpointFetcher::GiveUp() { fetch_->is_given_up = true; }

// What is finished serves the next fetch, which has most tables in common with this one.
void CheckpointFetcher::Abandon() {
  const std::unique_ptr<Fetch> lost = std::move(fetch_);
  Report(lost->from, lost->checkpoint, false);
  if (lost->path.empty()) {
    return;
  }
  if (lost->finished.size() <= kept_.size()) {
    to_remove_.push_back(lost->store);
    return;
  }
  ForgetKept();
  kept_ = std::move(lost->finished);
  kept_stores_ = {lost->store};
}

void CheckpointFetcher::ForgetKept() {
  for (const std::uint64_t store : std::exchange(kept_stores_, {})) {
    to_remove_.push_back(store);
  }
  kept_.clear();
}

void CheckpointFetcher::Report(NodeId to, std::uint64_t checkpoint, bool is_in_place) {
  const Installed report{.checkpoint = checkpoint, .is_in_place = is_in_place};
  setup_.peers.Send({.kind = PeerMessageKind::kInstalled, .to = to, .bytes = Encode(report)});
}

void CheckpointFetcher::Remove(std::uint64_t store) { to_remove_.push_back(store); }

// What cannot be removed now is removed when the node is opened the next time.
void CheckpointFetcher::RemoveUnused() {
  static_cast<void>(removing_.Take());
  if (to_remove_.empty() || removing_.is_under_way()) {
    return;
  }
  const std::string path = StorePath(setup_.node, to_remove_.back());
  to_remove_.pop_back();
  removing_.Start(Lane::kTransfer, [&files = *setup_.node.environment.files, path] {
    return RemoveFolder(files, path);
  });
}

}  // namespace firn
