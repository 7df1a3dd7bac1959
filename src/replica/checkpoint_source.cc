// SPDX-License-Identifier: Apache-2.0
#include "replica/checkpoint_source.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"
#include "replica/identity.h"

namespace firn {
namespace {

// A peer asks for a few parts ahead; more come from nobody that needs an answer.
constexpr std::size_t kQuestionsMax = 64;
// A checkpoint that nobody needs is kept for so many times the patience with a peer.
constexpr std::uint64_t kUnusedPatience = 6;

}  // namespace

CheckpointSource::CheckpointSource(Setup setup)
    : setup_(std::move(setup)),
      ids_(setup_.first_id),
      making_(setup_.scheduler, setup_.wake),
      answering_(setup_.scheduler, setup_.wake),
      removing_(setup_.scheduler, setup_.wake) {}

std::string CheckpointSource::PathOf(std::uint64_t id) const {
  return JoinPath(setup_.directory, std::string(kCheckpointPrefix) + FormatId(id));
}

std::optional<StateSnapshot> CheckpointSource::Get(const std::shared_ptr<Engine>& engine,
                                                   LogIndex first_index, LogIndex newest_change) {
  if (current_ && current_->state.index.Next() >= first_index &&
      current_->state.index >= newest_change) {
    unused_ticks_ = 0;
    return current_->state;
  }
  if (!making_.is_under_way()) {
    const std::uint64_t id = ++ids_;
    making_.Start(Lane::kTransfer, [this, engine, id] { return Make(engine, id); });
  }
  return std::nullopt;
}

Result<CheckpointSource::Checkpoint> CheckpointSource::Make(const std::shared_ptr<Engine>& engine,
                                                            std::uint64_t id) const {
  const std::string path = PathOf(id);
  FIRN_TRY_ASSIGN(const AppliedPoint applied, engine->Checkpoint(path));
  FIRN_TRY_ASSIGN(const ReplicaState state, DecodeReplicaState(applied.state));
  FIRN_TRY_ASSIGN(const std::vector<ListedFile> listing, ListFiles(setup_.files, path));
  std::string bytes = Encode(listing);
  if (bytes.size() > kListingBytesMax) {
    return Error{ErrorCode::kUnsupported,
                 path + ": too many files for one listing: " + std::to_string(listing.size())};
  }
  return Checkpoint{.id = id,
                    .state = {.index = state.index,
                              .term = state.term,
                              .membership = state.membership,
                              .data = EncodeCheckpointId(id)},
                    .listing = std::move(bytes)};
}

void CheckpointSource::NoteSent(NodeId peer) {
  if (current_) {
    served_[peer] = {.checkpoint = current_->id,
                     .index = current_->state.index,
                     .is_in_place = false,
                     .idle_ticks = 0};
  }
}

void CheckpointSource::Receive(NodeId from, const FetchRequest& request) {
  if (const auto served = served_.find(from); served != served_.end()) {
    served->second.idle_ticks = 0;
  }
  if (questions_.size() < kQuestionsMax) {
    questions_.push_back({.from = from, .request = request});
  }
}

bool CheckpointSource::Receive(NodeId from, const Installed& installed) {
  const auto served = served_.find(from);
  if (served == served_.end() || served->second.checkpoint != installed.checkpoint ||
      served->second.is_in_place) {
    return false;
  }
  if (installed.is_in_place) {
    served->second.is_in_place = true;
    served->second.idle_ticks = 0;
  } else {
    served_.erase(served);
  }
  return true;
}

void CheckpointSource::NoteProgress(const std::vector<PeerProgress>& peers, LogIndex far_enough) {
  for (const PeerProgress& peer : peers) {
    const auto served = served_.find(peer.id);
    if (served == served_.end() || peer.match <= served->second.index) {
      continue;
    }
    served->second.index = peer.match;
    served->second.idle_ticks = 0;
    if (peer.match >= far_enough) {
      served_.erase(served);
    }
  }
}

std::vector<NodeId> CheckpointSource::Tick() {
  std::vector<NodeId> given_up;
  for (auto& [peer, served] : served_) {
    if (++served.idle_ticks > setup_.patience_ticks) {
      given_up.push_back(peer);
    }
  }
  std::vector<NodeId> without;
  for (const NodeId peer : given_up) {
    if (!served_.at(peer).is_in_place) {
      without.push_back(peer);
    }
    served_.erase(peer);
  }
  unused_ticks_ = served_.empty() ? unused_ticks_ + 1 : 0;
  if (current_ && unused_ticks_ > kUnusedPatience * setup_.patience_ticks) {
    to_remove_.push_back(current_->id);
    current_.reset();
  }
  RemoveUnused();
  return without;
}

// What cannot be removed now is removed when the node is opened the next time.
void CheckpointSource::RemoveUnused() {
  static_cast<void>(removing_.Take());
  if (to_remove_.empty() || removing_.is_under_way() || answering_.is_under_way()) {
    return;
  }
  const std::string path = PathOf(to_remove_.back());
  to_remove_.pop_back();
  removing_.Start(Lane::kTransfer,
                  [&files = setup_.files, path] { return RemoveFolder(files, path); });
}

void CheckpointSource::Turn() {
  if (std::optional<Result<Checkpoint>> made = making_.Take()) {
    if (*made) {
      if (current_) {
        to_remove_.push_back(current_->id);
      }
      current_ = **std::move(made);
      unused_ticks_ = 0;
    } else {
      to_remove_.push_back(ids_);
    }
  }
  if (std::optional<Chunk> chunk = answering_.Take()) {
    SendChunk(asker_, *chunk);
  }
  AnswerQuestions();
}

void CheckpointSource::AnswerQuestions() {
  while (!questions_.empty() && !answering_.is_under_way()) {
    const Question question = std::move(questions_.front());
    questions_.pop_front();
    const bool is_here = current_ && current_->id == question.request.checkpoint;
    if (is_here && !question.request.file.empty()) {
      asker_ = question.from;
      answering_.Start(Lane::kTransfer,
                       [this, request = question.request] { return ReadChunk(request); });
      continue;
    }
    Chunk chunk{.request = question.request, .is_gone = !is_here, .bytes = {}};
    if (is_here && question.request.offset <= current_->listing.size()) {
      chunk.bytes = current_->listing.substr(question.request.offset, kChunkBytesMax);
    }
    SendChunk(question.from, chunk);
  }
}

void CheckpointSource::SendChunk(NodeId to, const Chunk& chunk) {
  setup_.peers.Send({.kind = PeerMessageKind::kChunk, .to = to, .bytes = Encode(chunk)});
}

// In a lane. A file that cannot be read here is of no use to the peer.
Chunk CheckpointSource::ReadChunk(const FetchRequest& request) const {
  Chunk chunk{.request = request, .is_gone = true, .bytes = {}};
  const auto file = setup_.files.OpenReadable(JoinPath(PathOf(request.checkpoint), request.file));
  if (!file) {
    return chunk;
  }
  const Result<std::uint64_t> size = (*file)->Size();
  if (!size || request.offset > *size) {
    return chunk;
  }
  const std::uint64_t length = std::min<std::uint64_t>(*size - request.offset, kChunkBytesMax);
  Result<std::string> bytes = ReadPart(**file, request.offset, length);
  if (bytes && bytes->size() == length) {
    chunk.is_gone = false;
    chunk.bytes = *std::move(bytes);
  }
  return chunk;
}

std::optional<LogIndex> CheckpointSource::pinned() const {
  std::optional<LogIndex> lowest;
  for (const auto& [peer, served] : served_) {
    lowest = std::min(lowest.value_or(served.index), served.index);
  }
  return lowest;
}

}  // namespace firn
