// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/merging_cursor.h"

#include <algorithm>
#include <utility>

namespace firn {

MergingCursor::MergingCursor(const View& view, const ScanBounds& bounds,
                             const RunCursor::Setup& setup)
    : bounds_(bounds), sources_(SourcesOf(view, setup)), tree_(sources_.size(), Before{this}) {}

// The reader's sequence was taken before this looks: a memtable found empty holds nothing for it.
std::vector<MergeSource> MergingCursor::SourcesOf(const View& view, const RunCursor::Setup& setup) {
  const Version& version = *view.version;
  const int deepest = version.deepest_level();
  std::vector<MergeSource> sources;
  sources.reserve(1 + view.frozen_newest_first.size() + version.level0_runs().size() +
                  static_cast<std::size_t>(std::max(deepest, 0)));
  if (!view.active->empty()) {
    sources.emplace_back(Memtable::Cursor(*view.active, setup.as_of));
  }
  for (const FrozenMemtable& frozen : view.frozen_newest_first) {
    sources.emplace_back(Memtable::Cursor(*frozen.memtable, setup.as_of));
  }
  for (const SortedRun& run : version.level0_runs()) {
    sources.emplace_back(RunCursor(run, setup));
  }
  for (int level = 1; level <= deepest; ++level) {
    if (!version.tables(level).empty()) {
      sources.emplace_back(RunCursor(version.sorted_level(level), setup));
    }
  }
  return sources;
}

bool MergingCursor::Before::operator()(std::size_t a, std::size_t b) const {
  const MergeSource& left = merge->sources_[a];
  const MergeSource& right = merge->sources_[b];
  if (!left.valid() || !right.valid()) {
    return left.valid() && !right.valid();
  }
  const bool forward = merge->direction_ == Direction::kForward;
  if (left.head() != right.head()) [[likely]] {
    return (left.head() < right.head()) == forward;
  }
  const int order = left.key().compare(right.key());
  return order == 0 ? a < b : (order < 0) == forward;
}

template <typename Move>
void MergingCursor::MoveSource(std::size_t source, Move&& move) {
  sources_[source].Apply(move, prefix_);
  if (!sources_[source].valid()) {
    if (Result<void> status = sources_[source].status(); !status) {
      error_ = std::move(status).error();
    }
  }
}

// Positions every source anew and finds the winner. Memtables, which come first and are found fast,
// last: what Seek asked for has arrived then.
template <typename Move>
void MergingCursor::MoveAll(Direction direction, Move&& move) {
  direction_ = direction;
  error_.reset();
  last_winner_ = nullptr;
  prefix_.clear();
  for (std::size_t source = sources_.size(); source-- > 0;) {
    MoveSource(source, move);
  }
  FindPrefix();
  ShowWinner();
}

void MergingCursor::FindPrefix() {
  std::string_view shared;
  std::size_t valid = 0;
  for (const MergeSource& source : sources_) {
    if (source.valid()) {
      const std::string_view key = source.key();
      shared = valid == 0 ? key : shared.substr(0, CommonPrefix(shared, key));
      ++valid;
    }
  }
  prefix_.assign(valid > 1 ? shared : std::string_view());
  for (MergeSource& source : sources_) {
    source.TakeHead(prefix_);
  }
  tree_.Rebuild();
}

void MergingCursor::SeekToFirst() { Seek(bounds_.lower); }

void MergingCursor::SeekToLast() {
  if (!bounds_.upper) {
    MoveAll(Direction::kBackward, [](auto& cursor) { cursor.SeekToLast(); });
    return;
  }
  MoveAll(Direction::kBackward, [this](auto& cursor) {
    cursor.SeekForPrev(*bounds_.upper);
    if (cursor.valid() && cursor.key() == *bounds_.upper) {
      cursor.Prev();
    }
  });
}

void MergingCursor::Seek(std::string_view key) {
  const std::string_view target = std::max<std::string_view>(key, bounds_.lower);
  if (target.empty()) {
    MoveAll(Direction::kForward, [](auto& cursor) { cursor.SeekToFirst(); });
    return;
  }
  for (MergeSource& source : sources_) {
    if (RunCursor* run = source.run()) {
      run->Aim(target);
    }
  }
  for (MergeSource& source : sources_) {
    if (RunCursor* run = source.run()) {
      run->PrefetchAim();
    }
  }
  for (MergeSource& source : sources_) {
    if (Memtable::Cursor* memtable = source.memtable()) {
      memtable->Aim(target);
    }
  }
  MoveAll(Direction::kForward, [target](auto& cursor) { cursor.Seek(target); });
}

void MergingCursor::SeekForPrev(std::string_view key) {
  if (bounds_.upper && key >= *bounds_.upper) {
    SeekToLast();
    return;
  }
  if (key.empty()) {
    error_.reset();
    current_ = nullptr;  // No key is at or before the empty one.
    return;
  }
  MoveAll(Direction::kBackward, [key](auto& cursor) { cursor.SeekForPrev(key); });
}

void MergingCursor::Next() {
  if (direction_ != Direction::kForward) {
    TurnAround(Direction::kForward);
  } else if (run_left_ > 0) {
    --run_left_;
    current_->run()->table_cursor().NextInBlock();
  } else {
    Advance([](auto& cursor) { cursor.Next(); });
  }
}

void MergingCursor::Prev() {
  if (direction_ != Direction::kBackward) {
    TurnAround(Direction::kBackward);
  } else if (run_left_ > 0) {
    --run_left_;
    current_->run()->table_cursor().PrevInBlock();
  } else {
    Advance([](auto& cursor) { cursor.Prev(); });
  }
}

// Moves on every source that stands on the current key.
template <typename Move>
void MergingCursor::Advance(Move&& move) {
  const bool has_equals = runner_up_is_equal_;
  if (has_equals) {
    last_key_.assign(key());
  }
  do {
    const std::size_t winner = tree_.winner();
    MoveSource(winner, move);
    if (sources_[winner].valid() && !sources_[winner].has_prefix()) [[unlikely]] {
      FindPrefix();
    } else {
      tree_.Replay();
    }
  } while (has_equals && sources_[tree_.winner()].valid() &&
           sources_[tree_.winner()].key() == last_key_);
  ShowWinner();
}

// Sources behind the current one stand on its far side or on the key itself: all are positioned
// anew, next to the key in the other direction.
void MergingCursor::TurnAround(Direction direction) {
  last_key_.assign(key());
  if (direction == Direction::kForward) {
    MoveAll(direction, [this](auto& cursor) {
      cursor.Seek(last_key_);
      if (cursor.valid() && cursor.key() == last_key_) {
        cursor.Next();
      }
    });
  } else {
    MoveAll(direction, [this](auto& cursor) {
      cursor.SeekForPrev(last_key_);
      if (cursor.valid() && cursor.key() == last_key_) {
        cursor.Prev();
      }
    });
  }
}

void MergingCursor::ShowWinner() {
  run_left_ = 0;
  if (sources_.empty()) {
    return;
  }
  MergeSource& winner = sources_[tree_.winner()];
  current_ = nullptr;
  if (error_ || !winner.valid() || IsBeyondBound(winner.key())) {
    return;
  }
  current_ = &winner;
  const MergeSource* const runner_up = RunnerUp();
  runner_up_is_equal_ = runner_up != nullptr && runner_up->head() == winner.head() &&
                        runner_up->key() == winner.key();
  RunCursor* run = winner.run();
  if (run != nullptr && !runner_up_is_equal_ && (last_winner_ == &winner || runner_up == nullptr)) {
    run_left_ = RunLength(run->table_cursor(), runner_up);
  }
  last_winner_ = &winner;
}

// Null when no other source is left.
const MergeSource* MergingCursor::RunnerUp() {
  const MergeSource& candidate = sources_[tree_.runner_up()];
  return tree_.runner_up() == tree_.winner() || !candidate.valid() ? nullptr : &candidate;
}

void MergingCursor::NextOverTombstones() {
  if (direction_ != Direction::kForward || current_->memtable() == nullptr || runner_up_is_equal_) {
    Next();
    return;
  }
  std::optional<std::string_view> limit = bounds_.upper;
  if (const MergeSource* other = RunnerUp(); other != nullptr) {
    limit = std::min<std::string_view>(other->key(), limit.value_or(other->key()));
  }
  Advance([&limit](auto& cursor) {
    if constexpr (requires { cursor.NextOverTombstones(limit); }) {
      cursor.NextOverTombstones(limit);
    }
  });
}

void MergingCursor::PrevOverTombstones() {
  if (direction_ != Direction::kBackward || current_->memtable() == nullptr ||
      runner_up_is_equal_) {
    Prev();
    return;
  }
  std::optional<std::string_view> limit;
  if (const MergeSource* other = RunnerUp(); other != nullptr || !bounds_.lower.empty()) {
    limit = std::max<std::string_view>(other != nullptr ? other->key() : "", bounds_.lower);
  }
  Advance([&limit](auto& cursor) {
    if constexpr (requires { cursor.PrevOverTombstones(limit); }) {
      cursor.PrevOverTombstones(limit);
    }
  });
}

bool MergingCursor::IsBeyondBound(std::string_view key) const {
  return direction_ == Direction::kForward ? bounds_.upper && key >= *bounds_.upper
                                           : key < bounds_.lower;
}

// How many steps the table's cursor can take within its block before it comes to the runner-up's
// key or to the bound.
std::uint32_t MergingCursor::RunLength(Table::Cursor& table, const MergeSource* runner_up) const {
  if (direction_ == Direction::kForward) {
    std::uint32_t steps =
        runner_up != nullptr ? table.StepsBefore(runner_up->key()) : table.StepsForward();
    return bounds_.upper && steps > 0 ? std::min(steps, table.StepsBefore(*bounds_.upper)) : steps;
  }
  std::uint32_t steps =
      runner_up != nullptr ? table.StepsAfter(runner_up->key()) : table.StepsBackward();
  if (bounds_.lower.empty() || steps == 0) {
    return steps;
  }
  return std::min(steps, table.StepsDownTo(bounds_.lower));
}

}  // namespace firn
