// SPDX-License-Identifier: Apache-2.0
//
// Random histories of operations against a model. A history follows from its seed alone: it is run
// under several random sets of options, and every answer must be the model's, whatever the options
// are. Emptiness of a value is told from absence by the model; a failure prints how to repeat it.
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <sstream>

#include "base/printable.h"
#include "engine/model.h"
#include "engine/test_engine.h"
#include "engine/test_run.h"

namespace firn {
namespace {

Options RandomOptions(std::uint64_t seed) {
  Random random(seed * 31 + 7);
  Options options;
  // The smallest memtables flush every few writes: they are drawn seldom, for they are slow.
  options.auto_compaction = !random.OneIn(5);
  options.memtable_bytes = std::size_t{4 << 10} << (random.OneIn(12) ? 0 : random.Below(4) + 3);
  options.memory_budget_bytes =
      std::max<std::size_t>(64 << 10, options.memtable_bytes * (4 + random.Below(20)));
  options.block_bytes = std::size_t{1 << 10} << random.Below(5);
  options.bloom_bits_per_key = static_cast<unsigned>(random.Below(21));
  options.compression = static_cast<Compression>(random.Below(3));
  options.wal = !random.OneIn(5);
  options.wal_append = random.OneIn(2) ? WalAppend::kWrite : WalAppend::kMapped;
  options.durability = options.wal && random.OneIn(4) ? Durability::kDisk : Durability::kProcess;
  options.sync_interval = std::chrono::milliseconds(random.OneIn(3) ? 0 : 100);
  options.table_bytes = std::size_t{4 << 10} << random.Below(6);
  options.level0_tables_max = static_cast<unsigned>(1 + random.Below(8));
  options.level0_bytes_max = std::uint64_t{16 << 10} << random.Below(6);
  options.level_ratio = static_cast<unsigned>(2 + random.Below(9));
  options.level1_bytes_max = random.OneIn(2) ? 0 : std::uint64_t{16 << 10} << random.Below(8);
  if (!options.auto_compaction) {
    options.memtable_bytes = std::max<std::size_t>(options.memtable_bytes, 256 << 10);
    options.memory_budget_bytes = std::max(options.memory_budget_bytes, 4 * options.memtable_bytes);
  }
  return options;
}

std::string Describe(const Options& options) {
  std::ostringstream text;
  text << "memtable " << options.memtable_bytes << ", budget " << options.memory_budget_bytes
       << ", block " << options.block_bytes << ", bloom " << options.bloom_bits_per_key
       << ", codec " << static_cast<int>(options.compression) << ", wal " << options.wal << " way "
       << static_cast<int>(options.wal_append) << ", table " << options.table_bytes << ", level 0 "
       << options.level0_tables_max << "/" << options.level0_bytes_max << ", level 1 "
       << options.level1_bytes_max << ", ratio " << options.level_ratio << ", auto "
       << options.auto_compaction;
  return text.str();
}

// One history under one set of options.
class ModelRun {
 public:
  ModelRun(std::uint64_t history, std::uint64_t option_seed)
      : random_(history),
        keys_(history, 100 + random_.Below(900)),
        options_(RandomOptions(option_seed)),
        engine_(option_seed),
        state_(keys_.size(), 0) {}

  // Runs `operations`; empty when all answers were right, else what went wrong.
  std::string Run(std::uint64_t operations) {
    Require(engine_.Open(options_), "open");
    while (count_ < operations && complaint_.empty()) {
      ++count_;
      Step(random_.Below(10'000));
    }
    if (complaint_.empty()) {
      CompareAll();
      iterators_.clear();
      snapshots_.clear();
      Require(engine_.Close(), "close");
    }
    return complaint_.empty() ? ""
                              : "operation " + std::to_string(count_) + ": " + complaint_ + "\n  " +
                                    Describe(options_);
  }

  std::uint64_t answers() const { return answers_; }
  std::uint64_t operations() const { return count_; }

 private:
  struct HeldSnapshot {
    Snapshot snapshot;
    ModelState state;
  };
  // An iterator and where the model says it stands.
  struct HeldIterator {
    std::optional<Iterator> iterator;
    ModelState state;
    std::size_t begin = 0;  // Bounds, as key indices.
    std::size_t end = 0;
    std::optional<std::size_t> position;
  };

  void Step(std::uint64_t draw) {
    if (draw < 2'800) {
      Put();
    } else if (draw < 3'500) {
      Delete();
    } else if (draw < 3'700) {
      Batch();
    } else if (draw < 6'000) {
      Get();
    } else if (draw < 6'100) {
      MultiGet();
    } else if (draw < 9'600) {
      Walk();
    } else if (draw < 9'640) {
      Scan();
    } else if (draw < 9'700) {
      TakeOrReleaseSnapshot();
    } else if (draw < 9'990) {
      engine_.scheduler().RunOne();
    } else {
      Seldom();
    }
  }

  void Seldom() {
    switch (random_.Below(24)) {
      case 0:
      case 1:
      case 2: Require(engine_.engine().Flush(), "flush"); break;
      case 3: CompactRange(); break;
      case 4:
      case 5:
        Require(engine_.engine().CompactLevel(static_cast<int>(random_.Below(6))), "compact level");
        break;
      case 6: Reopen(); break;
      case 7: CompareAll(); break;
      case 8:
        engine_.scheduler().RunUntilIdle();
        Require(engine_.engine().CheckInvariants(), "invariants");
        break;
      case 9: engine_.scheduler().Advance(std::chrono::milliseconds(random_.Below(300))); break;
      case 10: Require(engine_.engine().Verify(), "verify"); break;
      default: break;
    }
  }

  template <typename T>
  void Require(const Result<T>& result, std::string_view what) {
    if (!result) {
      Complain(std::string(what) + ": " + result.error().Describe());
    }
  }
  void Complain(const std::string& what) {
    if (complaint_.empty()) {
      complaint_ = what;
    }
  }
  void Note(std::uint64_t answer) { answers_ = (answers_ ^ answer) * 0x100000001B3; }

  // Most operations meet few keys, so that versions pile up.
  std::size_t DrawKey() {
    return random_.OneIn(3) ? random_.Below(keys_.size())
                            : random_.Below(std::min<std::size_t>(keys_.size(), 60));
  }

  void Put() {
    const std::size_t key = DrawKey();
    ValueOf(++last_value_, value_);
    Require(engine_.Put(keys_[key], value_), "put");
    state_[key] = last_value_;
  }

  void Delete() {
    const std::size_t key = DrawKey();
    Require(engine_.Delete(keys_[key]), "delete");
    state_[key] = 0;
  }

  void Batch() {
    batch_.Clear();
    for (std::uint64_t left = 1 + random_.Below(12); left > 0; --left) {
      const std::size_t key = DrawKey();
      if (random_.OneIn(4)) {
        batch_.Delete(keys_[key]);
        state_[key] = 0;
      } else {
        ValueOf(++last_value_, value_);
        batch_.Put(keys_[key], value_);
        state_[key] = last_value_;
      }
    }
    Require(engine_.Write(batch_), "batch");
  }

  void Expect(std::size_t key, std::uint32_t want, const std::optional<std::string_view>& got,
              std::string_view what) {
    ValueOf(want, value_);
    if (got.has_value() != (want != 0) || (got && *got != value_)) {
      Complain(std::string(what) + " of " + Printable(keys_[key], 40) + ": got " +
               (got ? Printable(*got, 40) : "(absent)") + ", expected " +
               (want != 0 ? Printable(value_, 40) : "(absent)"));
    }
    Note(got ? got->size() + 1 : 0);
  }

  void Get() {
    const HeldSnapshot* at = nullptr;
    if (!snapshots_.empty() && random_.OneIn(4)) {
      at = &snapshots_[random_.Below(snapshots_.size())];
    }
    const ReadOptions options{.snapshot = at == nullptr ? nullptr : &at->snapshot,
                              .fill_cache = !random_.OneIn(8)};
    const std::size_t key = DrawKey();
    const std::uint32_t want = at == nullptr ? state_[key] : at->state[key];
    if (random_.OneIn(8)) {
      const auto pinned = engine_.engine().GetPinned(keys_[key], options);
      Require(pinned, "get pinned");
      if (pinned) {
        Expect(key, want, *pinned ? std::optional((*pinned)->view()) : std::nullopt, "get pinned");
      }
      return;
    }
    const auto got = engine_.Get(keys_[key], options);
    Require(got, "get");
    if (got) {
      Expect(key, want, *got ? std::optional<std::string_view>(**got) : std::nullopt, "get");
    }
  }

  void MultiGet() {
    std::vector<std::size_t> wanted;
    std::vector<std::string_view> names;
    for (std::uint64_t left = random_.Below(10); left > 0; --left) {
      wanted.push_back(DrawKey());
      names.push_back(keys_[wanted.back()]);
    }
    const auto got = engine_.engine().MultiGet(names, {});
    Require(got, "multi-get");
    for (std::size_t i = 0; got && i < wanted.size(); ++i) {
      const auto& value = (*got)[i];
      Expect(wanted[i], state_[wanted[i]],
             value ? std::optional<std::string_view>(*value) : std::nullopt, "multi-get");
    }
  }

  void TakeOrReleaseSnapshot() {
    if (!snapshots_.empty() && (snapshots_.size() >= 6 || random_.OneIn(2))) {
      snapshots_.erase(snapshots_.begin() +
                       static_cast<std::ptrdiff_t>(random_.Below(snapshots_.size())));
    } else {
      snapshots_.push_back({engine_.engine().TakeSnapshot(), state_});
    }
  }

  // An iterator over random bounds of the latest state or a snapshot, with its model.
  HeldIterator MakeIterator(bool reverse) {
    ScanOptions options{.lower = "",
                        .upper = std::nullopt,
                        .prefix = "",
                        .reverse = reverse,
                        .snapshot = nullptr,
                        .fill_cache = !random_.OneIn(4)};
    HeldIterator held;
    held.state = state_;
    if (!snapshots_.empty() && random_.OneIn(3)) {
      const HeldSnapshot& at = snapshots_[random_.Below(snapshots_.size())];
      options.snapshot = &at.snapshot;
      held.state = at.state;
    }
    held.end = keys_.size();
    if (random_.OneIn(4)) {
      std::string prefix = keys_.DrawNear(random_);
      prefix.resize(1 + random_.Below(prefix.size()));
      options.prefix = prefix;
      held.begin = keys_.LowerBound(prefix);
      held.end = held.begin;
      while (held.end < keys_.size() && keys_[held.end].starts_with(prefix)) {
        ++held.end;
      }
    } else {
      if (random_.OneIn(2)) {
        options.lower = keys_.DrawNear(random_);
        held.begin = keys_.LowerBound(options.lower);
      }
      if (random_.OneIn(2)) {
        options.upper = keys_.DrawNear(random_);
        held.end = keys_.LowerBound(*options.upper);
      }
    }
    held.iterator.emplace(engine_.engine().NewIterator(options));
    return held;
  }

  static std::optional<std::size_t> FirstFrom(const HeldIterator& held, std::size_t index) {
    for (index = std::max(index, held.begin); index < held.end; ++index) {
      if (held.state[index] != 0) {
        return index;
      }
    }
    return std::nullopt;
  }
  // The last one below `index`.
  static std::optional<std::size_t> LastBelow(const HeldIterator& held, std::size_t index) {
    for (index = std::min(index, held.end); index > held.begin; --index) {
      if (held.state[index - 1] != 0) {
        return index - 1;
      }
    }
    return std::nullopt;
  }

  void Scan() {
    const bool reverse = random_.OneIn(2);
    HeldIterator held = MakeIterator(reverse);
    ScanRange range(*std::move(held.iterator), reverse);
    std::uint64_t left = 1 + random_.Below(random_.OneIn(8) ? 2'000 : 60);
    auto want = reverse ? LastBelow(held, held.end) : FirstFrom(held, held.begin);
    for (auto [key, value] : range) {
      if (!want || key != keys_[*want]) {
        Complain("scan met " + Printable(key, 40) + " instead of " +
                 (want ? Printable(keys_[*want], 40) : "the end"));
        break;
      }
      Expect(*want, held.state[*want], value, "scan");
      want = reverse ? LastBelow(held, *want) : FirstFrom(held, *want + 1);
      if (--left == 0) {
        break;
      }
    }
    if (left > 0 && want) {
      Complain("scan ended before " + Printable(keys_[*want], 40));
    }
    Require(range.status(), "scan");
  }

  void Walk() {
    if (iterators_.empty() || (iterators_.size() < 4 && random_.OneIn(300))) {
      iterators_.push_back(MakeIterator(false));
    } else if (random_.OneIn(300)) {
      iterators_.erase(iterators_.begin() +
                       static_cast<std::ptrdiff_t>(random_.Below(iterators_.size())));
      return;
    }
    HeldIterator& held = iterators_[random_.Below(iterators_.size())];
    Move(held);
    Iterator& iterator = *held.iterator;
    Require(iterator.status(), "iterator");
    if (iterator.valid() != held.position.has_value()) {
      Complain("iterator stands " +
               (iterator.valid() ? "at " + Printable(iterator.key(), 40) : "nowhere") +
               " instead of " +
               (held.position ? "at " + Printable(keys_[*held.position], 40) : "nowhere"));
    } else if (held.position) {
      if (iterator.key() != keys_[*held.position]) {
        Complain("iterator stands at " + Printable(iterator.key(), 40) + " instead of " +
                 Printable(keys_[*held.position], 40));
      }
      Expect(*held.position, held.state[*held.position], iterator.value(), "iterator");
    }
  }

  void Move(HeldIterator& held) {
    Iterator& iterator = *held.iterator;
    const std::uint64_t draw = random_.Below(40);
    if (held.position && draw < 20) {
      iterator.Next();
      held.position = FirstFrom(held, *held.position + 1);
    } else if (held.position && draw < 34) {
      iterator.Prev();
      held.position = LastBelow(held, *held.position);
    } else if (draw % 8 == 0) {
      iterator.SeekToFirst();
      held.position = FirstFrom(held, held.begin);
    } else if (draw % 8 == 1) {
      iterator.SeekToLast();
      held.position = LastBelow(held, held.end);
    } else {
      const std::string target = keys_.DrawNear(random_);
      const std::size_t index = keys_.LowerBound(target);
      if (draw % 2 == 0) {
        iterator.Seek(target);
        held.position = FirstFrom(held, index);
      } else {
        iterator.SeekForPrev(target);
        const bool is_key = index < keys_.size() && keys_[index] == target;
        held.position = LastBelow(held, is_key ? index + 1 : index);
      }
    }
  }

  void CompactRange() {
    ScanOptions range;
    if (random_.OneIn(2)) {
      range.lower = keys_.DrawNear(random_);
    }
    if (random_.OneIn(2)) {
      range.upper = keys_.DrawNear(random_);
    }
    if (!range.upper || range.lower < *range.upper) {
      Require(engine_.engine().CompactRange(range), "compact range");
    }
  }

  // Without a log only closing keeps what was not flushed.
  void Reopen() {
    const bool kill = random_.OneIn(2);
    snapshots_.clear();
    iterators_.clear();
    if (kill && options_.wal) {
      engine_.CrashByKill();
    } else {
      Require(engine_.Close(), "close");
    }
    Require(engine_.Open(options_), "reopen");
    if (complaint_.empty()) {
      CompareAll();
    }
  }

  void CompareAll() {
    for (const bool reverse : {false, true}) {
      ScanRange range(engine_.engine().NewIterator({}), reverse);
      std::vector<bool> seen(keys_.size(), false);
      for (auto [key, value] : range) {
        const std::size_t index = keys_.LowerBound(key);
        if (index == keys_.size() || keys_[index] != key) {
          Complain("full scan met " + Printable(key, 40));
          return;
        }
        Expect(index, state_[index], value, "full scan");
        seen[index] = true;
      }
      Require(range.status(), "full scan");
      for (std::size_t i = 0; i < keys_.size(); ++i) {
        if (!seen[i] && state_[i] != 0) {
          Complain("full scan missed " + Printable(keys_[i], 40));
        }
      }
    }
  }

  Random random_;
  const ModelKeys keys_;
  const Options options_;
  TestEngine engine_;
  ModelState state_;
  std::deque<HeldSnapshot> snapshots_;
  std::deque<HeldIterator> iterators_;
  WriteBatch batch_;
  std::string value_;
  std::uint32_t last_value_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t answers_ = 0;
  std::string complaint_;
};

// What a test did, told when it ends.
class Tally {
 public:
  ~Tally() {
    std::printf("%llu operations in %llu histories under %llu option sets\n",
                static_cast<unsigned long long>(operations),
                static_cast<unsigned long long>(histories),
                static_cast<unsigned long long>(option_sets));
  }

  std::uint64_t operations = 0;
  std::uint64_t histories = 0;
  std::uint64_t option_sets = 0;
};

// One history under `option_sets` random sets of options.
void RunHistory(std::uint64_t seed, std::uint64_t operations, std::uint64_t option_sets,
                Tally& tally) {
  ++tally.histories;
  std::optional<std::uint64_t> answers;
  for (std::uint64_t set = 0; set < option_sets; ++set) {
    ModelRun run(seed, seed * 16 + set);
    const std::string complaint = run.Run(operations);
    tally.operations += run.operations();
    ++tally.option_sets;
    ASSERT_EQ(complaint, "") << "option set " << set;
    ASSERT_EQ(run.answers(), answers.value_or(run.answers()))
        << "option set " << set << " gave other answers";
    answers = run.answers();
  }
}

TEST(ModelBrief, AnswersAsTheModelDoesUnderAllOptions) {
  Tally tally;
  ForSeeds(1'000'000, 10, [&](std::uint64_t seed) { RunHistory(seed, 5'000, 2, tally); });
}

class Model : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Model, AnswersAsTheModelDoesUnderAllOptions) {
  Tally tally;  // Eight shards of 1,320,000 operations: over ten million in all.
  ForSeeds(GetParam() * 1'000, 11, [&](std::uint64_t seed) { RunHistory(seed, 30'000, 4, tally); });
}

INSTANTIATE_TEST_SUITE_P(Shards, Model, testing::Range<std::uint64_t>(1, 9));

TEST(ModelSoak, AnswersAsTheModelDoesUnderAllOptions) {
  Tally tally;
  Soak(10'000'000, [&](std::uint64_t seed) { RunHistory(seed, 100'000, 4, tally); });
}

}  // namespace
}  // namespace firn
