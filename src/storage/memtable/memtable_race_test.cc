// SPDX-License-Identifier: Apache-2.0
//
// One thread inserts while others read: what was published is found, in order, each key once, as of
// the reader's sequence. Run under ThreadSanitizer these tests check the memory ordering as well.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "storage/memtable/key_shapes.h"
#include "storage/memtable/memtable.h"

namespace firn {
namespace {

// Sequence i + 1 writes keys[i], with the sequence as the value.
class Race {
 public:
  Race(KeyShape shape, std::size_t writes) {
    Random random(3);
    for (std::size_t i = 0; i < writes; ++i) {
      const bool overwrites = i > 0 && random.OneIn(4);
      keys.push_back(overwrites ? keys[random.Below(i)] : MakeKey(shape, i, random));
    }
  }

  void Write() {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      memtable.Insert({i + 1}, Kind::kPut, keys[i], std::to_string(i + 1));
      published.store(i + 1, std::memory_order_release);
    }
  }

  std::uint64_t Published() const { return published.load(std::memory_order_acquire); }
  bool done() const { return Published() == keys.size(); }

  std::vector<std::string> keys;
  Memtable memtable{nullptr, std::size_t{1} << 20};
  std::atomic<std::uint64_t> published{0};
};

void ExpectConsistent(const Race& race, const KeyState& state, std::string_view key,
                      std::uint64_t as_of) {
  ASSERT_GE(state.sequence.value, 1u);
  ASSERT_LE(state.sequence.value, as_of);
  ASSERT_EQ(race.keys[state.sequence.value - 1], key);
  ASSERT_EQ(state.value, std::to_string(state.sequence.value));
}

void FindUntilDone(const Race& race, std::uint64_t seed) {
  Random random(seed);
  bool last_round = false;
  for (int after = 0; after < 2000; after += last_round ? 1 : 0) {
    last_round = race.done();
    const std::uint64_t as_of = race.Published();
    if (as_of == 0) {
      continue;
    }
    const std::uint64_t written = 1 + random.Below(as_of);
    const std::string& key = race.keys[written - 1];
    const Found found = race.memtable.Find(Lookup(key, {as_of}));
    ASSERT_TRUE(found.has_value()) << "sequence " << written << " as of " << as_of;
    ASSERT_GE(found->sequence.value, written);
    ASSERT_NO_FATAL_FAILURE(ExpectConsistent(race, *found, key, as_of));
    const Found old = race.memtable.Find(Lookup(key, {written}));
    ASSERT_TRUE(old.has_value());
    ASSERT_EQ(old->sequence.value, written);
    ASSERT_FALSE(race.memtable.Find(Lookup(key + "?absent", {as_of})).has_value());
  }
}

std::size_t DistinctKeys(const Race& race, std::uint64_t as_of) {
  return std::set<std::string>(race.keys.begin(),
                               race.keys.begin() + static_cast<std::ptrdiff_t>(as_of))
      .size();
}

// Walks all keys in one direction; checks order, content, and that none is missing.
void Walk(const Race& race, bool forward, std::uint64_t as_of) {
  Memtable::Cursor cursor(race.memtable, {as_of});
  forward ? cursor.SeekToFirst() : cursor.SeekToLast();
  std::string previous;
  std::size_t count = 0;
  for (; cursor.valid(); forward ? cursor.Next() : cursor.Prev()) {
    if (count > 0) {
      ASSERT_TRUE(forward ? previous < cursor.key() : cursor.key() < previous);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectConsistent(race, cursor.state(), cursor.key(), as_of));
    previous = cursor.key();
    ++count;
  }
  ASSERT_EQ(count, DistinctKeys(race, as_of)) << "as of " << as_of;
}

// Seeks a published key from either side, walks a little, turns round and comes back.
void SeekAndTurn(const Race& race, Random& random, std::uint64_t as_of) {
  const std::string& key = race.keys[random.Below(as_of)];
  Memtable::Cursor cursor(race.memtable, {as_of});
  random.OneIn(2) ? cursor.Seek(key) : cursor.SeekForPrev(key);
  ASSERT_TRUE(cursor.valid());
  ASSERT_EQ(cursor.key(), key);
  const bool forward = random.OneIn(2);
  const auto steps = random.Below(200);
  std::vector<std::string> seen{key};
  for (std::uint64_t i = 0; i < steps; ++i) {
    forward ? cursor.Next() : cursor.Prev();
    if (!cursor.valid()) {
      return;
    }
    seen.emplace_back(cursor.key());
  }
  for (std::size_t i = seen.size(); i-- > 0;) {
    ASSERT_TRUE(cursor.valid());
    ASSERT_EQ(cursor.key(), seen[i]);
    forward ? cursor.Prev() : cursor.Next();
  }
}

void WalkUntilDone(const Race& race, std::uint64_t seed) {
  Random random(seed);
  for (int after = 0; after < 2; after += race.done() ? 1 : 0) {
    const std::uint64_t as_of = race.Published();
    if (as_of == 0) {
      continue;
    }
    ASSERT_NO_FATAL_FAILURE(Walk(race, random.OneIn(2), as_of));
    for (int i = 0; i < 20; ++i) {
      ASSERT_NO_FATAL_FAILURE(SeekAndTurn(race, random, race.Published()));
    }
    ASSERT_GE(race.memtable.entry_count(), as_of);
  }
}

class MemtableRace : public testing::TestWithParam<KeyShape> {};
INSTANTIATE_TEST_SUITE_P(Shapes, MemtableRace,
                         testing::Values(KeyShape::kRandom, KeyShape::kAscending,
                                         KeyShape::kDescending, KeyShape::kSharedPrefix,
                                         KeyShape::kStreams, KeyShape::kUrls, KeyShape::kZeros,
                                         KeyShape::kNested));

TEST_P(MemtableRace, ReadersFindAllThatWasPublishedInOrder) {
  Race race(GetParam(), 8'000);
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([&race] { FindUntilDone(race, 1); });
    threads.emplace_back([&race] { FindUntilDone(race, 2); });
    threads.emplace_back([&race] { WalkUntilDone(race, 3); });
    threads.emplace_back([&race] { WalkUntilDone(race, 4); });
    race.Write();
  }
  race.memtable.CheckInvariants();
}

TEST(MemtableRace, ReadersOfAHotKeyNeverSeeItGoBack) {
  Memtable memtable;
  memtable.Insert({1}, Kind::kPut, "hot", "1");
  constexpr std::uint64_t kWrites = 50'000;
  std::jthread reader([&memtable] {
    for (std::uint64_t last = 0; last < kWrites;) {
      const Found found = memtable.Find(Lookup("hot", kSequenceMax));
      ASSERT_TRUE(found.has_value());
      ASSERT_GE(found->sequence.value, last);
      ASSERT_EQ(found->value, std::to_string(found->sequence.value));
      last = found->sequence.value;
    }
  });
  for (std::uint64_t i = 2; i <= kWrites; ++i) {
    memtable.Insert({i}, Kind::kPut, "hot", std::to_string(i));
  }
}

// A queue: what is put at its end is deleted at its front, now and then put back. Whoever looks
// finds the front of the moment, however many tombstones lie before it.
TEST(MemtableRace, TheFrontOfAQueueIsFoundOverItsTombstones) {
  struct Step {
    Kind kind;
    std::string key;
  };
  std::vector<Step> steps;
  std::vector<std::string> fronts;  // After each step.
  std::set<std::string> waiting;
  Random random(5);
  for (int i = 0; steps.size() < 20'000; ++i) {
    auto take = [&](Kind kind, const std::string& key) {
      steps.push_back({kind, key});
      kind == Kind::kPut ? static_cast<void>(waiting.insert(key))
                         : static_cast<void>(waiting.erase(key));
      fronts.push_back(*waiting.begin());
    };
    take(Kind::kPut, "job" + std::to_string(1'000'000 + i));
    if (waiting.size() > 20) {
      const std::string front = *waiting.begin();
      take(Kind::kDelete, front);
      if (random.OneIn(50)) {
        take(Kind::kPut, front);
      }
    }
  }
  Memtable memtable(nullptr, std::size_t{1} << 20);
  std::atomic<std::uint64_t> published{0};
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        for (std::uint64_t as_of = 0; as_of < steps.size();) {
          as_of = published.load(std::memory_order_acquire);
          if (as_of == 0) {
            continue;
          }
          Memtable::Cursor cursor(memtable, {as_of});
          cursor.SeekToFirst();
          while (cursor.valid() && cursor.state().kind == Kind::kDelete) {
            cursor.NextOverTombstones(std::nullopt);
          }
          ASSERT_TRUE(cursor.valid());
          ASSERT_EQ(cursor.key(), fronts[as_of - 1]) << as_of;
        }
      });
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      memtable.Insert({i + 1}, steps[i].kind, steps[i].key, "");
      published.store(i + 1, std::memory_order_release);
    }
  }
  memtable.CheckInvariants();
}

}  // namespace
}  // namespace firn
