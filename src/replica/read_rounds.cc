// SPDX-License-Identifier: Apache-2.0
#include "replica/read_rounds.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/coding.h"

namespace firn {
namespace {

// Reads for which no leader could be asked are given up after so many times the patience.
constexpr std::uint64_t kLeaderlessPatience = 3;
// What was known earlier than the last of so many is forgotten.
constexpr std::size_t kKnownMax = 64;

}  // namespace

ReadRounds::~ReadRounds() {
  for (const Reply& reply : new_) {
    reply(Fate::kStopped);
  }
  if (round_) {
    confirmed_.push_back({.index = {}, .replies = std::move(round_->replies)});
  }
  for (const Confirmed& confirmed : confirmed_) {
    for (const Reply& reply : confirmed.replies) {
      reply(Fate::kStopped);
    }
  }
}

// A round that a change of the leader or a lost message has made hopeless is begun anew, under
// another context.
std::optional<std::string> ReadRounds::StartRound(const Standing& standing) {
  if (round_ &&
      (round_->ticks >= setup_.patience_ticks || round_->standing.leader != standing.leader ||
       round_->standing.term != standing.term)) {
    std::ranges::move(round_->replies, std::back_inserter(new_));
    round_.reset();
  }
  if (round_ || !gathering_.IsDue(new_.size(), 0)) {
    return std::nullopt;
  }
  if (standing.leader == NodeId{}) {
    if (new_ticks_ >= kLeaderlessPatience * setup_.patience_ticks) {
      for (const Reply& reply : std::exchange(new_, {})) {
        reply(Fate::kUnknown);
      }
    }
    return std::nullopt;
  }
  gathering_.NoteGroup(new_.size());
  std::string context;
  PutLittle(context, setup_.node.value);
  PutLittle(context, setup_.boot);
  PutLittle(context, setup_.reuses_contexts ? 1 : ++contexts_);
  round_ = {.context = context,
            .standing = standing,
            .ticks = 0,
            .began_ms = now_ms_,
            .replies = std::exchange(new_, {})};
  new_ticks_ = 0;
  return context;
}

void ReadRounds::Take(const std::vector<ReadState>& states, LogIndex index_max) {
  for (const ReadState& state : states) {
    if (!round_ || state.context != round_->context) {
      continue;
    }
    const LogIndex index = std::min(state.index, index_max);
    known_.push_back({.index = index, .at_ms = round_->began_ms});
    if (known_.size() > kKnownMax) {
      known_.pop_front();
    }
    confirmed_.push_back({.index = index, .replies = std::move(round_->replies)});
    round_.reset();
  }
}

void ReadRounds::Answer(LogIndex applied) {
  while (!confirmed_.empty() && confirmed_.front().index <= applied) {
    const Confirmed confirmed = std::move(confirmed_.front());
    confirmed_.pop_front();
    for (const Reply& reply : confirmed.replies) {
      reply(Fate::kDone);
    }
  }
}

void ReadRounds::Tick(std::uint64_t elapsed_ms) {
  now_ms_ += elapsed_ms;
  new_ticks_ = new_.empty() ? 0 : new_ticks_ + 1;
  if (round_) {
    ++round_->ticks;
  }
}

void ReadRounds::AddStale(std::uint64_t age_ms_max, LogIndex applied, const Reply& reply) {
  std::optional<std::uint64_t> age_ms;
  for (const Known& known : known_) {
    if (known.index <= applied) {
      age_ms = now_ms_ - known.at_ms;
    }
  }
  const bool is_fresh = age_ms_max == 0 || (age_ms && *age_ms <= age_ms_max);
  const bool is_old = age_ms_max > 0 && (!age_ms || *age_ms > age_ms_max / 2);
  if (is_fresh) {
    reply(Fate::kDone);
  }
  // A state that is getting too old is renewed before somebody has to wait for it.
  if (!is_fresh) {
    Add([reply](Fate fate) { reply(fate == Fate::kUnknown ? Fate::kTooStale : fate); });
  } else if (is_old && !round_ && new_.empty()) {
    Add([](Fate) {});
  }
}

}  // namespace firn
