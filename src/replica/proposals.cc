// SPDX-License-Identifier: Apache-2.0
#include "replica/proposals.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace firn {
namespace {

// So much waits for no more.
constexpr std::uint64_t kGatheredBytesMax = std::uint64_t{256} << 10;

}  // namespace

void Proposals::Add(const Command& command, Reply reply) {
  const std::uint64_t bytes = command.operations.size() + command.condition.key.size() +
                              command.condition.value.size() + 32;
  if (waiting_bytes_ + bytes > setup_.waiting_bytes_max && !waiting_.empty()) {
    reply({.fate = Fate::kOverloaded, .outcome = {}});
    return;
  }
  waiting_bytes_ += bytes;
  waiting_.push_back({.command = command, .reply = std::move(reply), .bytes = bytes});
}

bool Proposals::IsGroupDue() const {
  return waiting_bytes_ >= kGatheredBytesMax || gathering_.IsDue(waiting_.size(), proposed_count_);
}

std::size_t Proposals::gathering_count() const {
  return IsGroupDue() ? 0 : gathering_.Missing(waiting_.size(), proposed_count_);
}

void Proposals::ProposeGroup(const std::function<bool(std::string)>& propose) {
  const std::uint64_t proposal = setup_.boot + ++groups_;
  GroupBuilder group({.proposal = proposal, .elapsed_ms = std::min(elapsed_ms_, kElapsedMax)});
  std::vector<Waiting> taken;
  std::uint64_t operations = 0;
  while (!waiting_.empty()) {
    Waiting& next = waiting_.front();
    // An operation has two bytes at least; remembering a result takes up to two more.
    operations += next.command.operations.size() / 3 + 3;
    const bool is_full =
        group.size() + next.bytes > setup_.group_bytes_max || operations > kGroupOperationsMax;
    if (is_full && !taken.empty()) {
      break;
    }
    group.Add(next.command);
    waiting_bytes_ -= next.bytes;
    taken.push_back(std::move(next));
    waiting_.pop_front();
  }
  if (propose(group.Take())) {
    elapsed_ms_ = 0;
    proposed_count_ += taken.size();
    gathering_.NoteGroup(taken.size());
    proposed_[proposal] = std::move(taken);
    return;
  }
  // Too much is uncommitted, or leadership is being handed over.
  for (const Waiting& dropped : taken) {
    dropped.reply({.fate = Fate::kOverloaded, .outcome = {}});
  }
}

void Proposals::Answer(const StateMachine::Applied& applied) {
  const auto found = proposed_.find(applied.proposal);
  if (found == proposed_.end()) {
    return;
  }
  const std::vector<Waiting> waiting = std::move(found->second);
  proposed_.erase(found);
  proposed_count_ -= waiting.size();
  FIRN_CHECK(waiting.size() == applied.outcomes.size(), waiting.size(), applied.outcomes.size());
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    waiting[i].reply({.fate = Fate::kDone, .outcome = applied.outcomes[i]});
  }
}

void Proposals::Lose() {
  for (const auto& [proposal, group] : std::exchange(proposed_, {})) {
    for (const Waiting& waiting : group) {
      waiting.reply({.fate = Fate::kUnknown, .outcome = {}});
    }
  }
  proposed_count_ = 0;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    waiting.reply({.fate = Fate::kNotLeader, .outcome = {}});
  }
  waiting_bytes_ = 0;
}

}  // namespace firn
