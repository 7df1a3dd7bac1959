// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable/memtable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/memtable/chunk_pool.h"
#include "storage/memtable/insertion.h"
#include "storage/memtable/key_shapes.h"

namespace firn {
namespace {

// The memtable's promise, written with a map: key to sequence, newest first, to what was written.
struct Written {
  Kind kind;
  std::string value;
};
using Versions = std::map<std::uint64_t, Written, std::greater<>>;
using Model = std::map<std::string, Versions>;

std::optional<std::pair<std::uint64_t, Written>> VisibleIn(const Versions& versions,
                                                           std::uint64_t as_of) {
  const auto found = versions.lower_bound(as_of);  // Descending: the first at or below.
  if (found == versions.end()) {
    return std::nullopt;
  }
  return *found;
}

void ExpectSame(const KeyState& state, const std::pair<std::uint64_t, Written>& expected) {
  ASSERT_EQ(state.sequence.value, expected.first);
  ASSERT_EQ(state.kind, expected.second.kind);
  ASSERT_EQ(state.value, expected.second.value);
}

class Pair {
 public:
  explicit Pair(std::uint64_t seed) : random(seed) {}

  void Insert(const std::string& key) { Insert(key, memtable.Expect(key)); }
  void Insert(const std::string& key, const InsertionPoint& expected) {
    Write(key, random.OneIn(5) ? Kind::kDelete : Kind::kPut, expected);
  }
  void Write(const std::string& key, Kind kind) { Write(key, kind, memtable.Expect(key)); }
  void Write(const std::string& key, Kind kind, const InsertionPoint& expected) {
    const std::string value =
        kind == Kind::kDelete ? "" : RandomBytes(random, random.Below(random.OneIn(9) ? 300 : 20));
    sequence += 1 + random.Below(3);
    memtable.Insert({.key = key, .sequence = {sequence}, .kind = kind, .value = value}, expected);
    model[key][sequence] = {kind, value};
    ++entries;
    bytes += key.size() + value.size();
  }

  // A key that is there, nearly there, or anywhere.
  std::string SomeKey(KeyShape shape) {
    std::string key = MakeKey(shape, random.Below(3000), random);
    if (!model.empty() && random.OneIn(2)) {
      const auto near = model.lower_bound(key);
      key = near == model.end() ? model.rbegin()->first : near->first;
      if (random.OneIn(3) && key.size() < std::size_t{64} << 10) {
        key.push_back('\0');
      } else if (random.OneIn(3) && key.size() > 1) {
        key.pop_back();
      }
    }
    return key;
  }

  void ExpectFinds(const std::string& key, std::uint64_t as_of) {
    const Found found = memtable.Find(Lookup(key, {as_of}));
    const auto in_model = model.find(key);
    const auto expected =
        in_model == model.end() ? std::nullopt : VisibleIn(in_model->second, as_of);
    ASSERT_EQ(found.has_value(), expected.has_value());
    if (found) {
      ExpectSame(*found, *expected);
    }
  }

  Random random;
  Memtable memtable{nullptr, std::size_t{1} << 20};  // Whose filter rules most absent keys out.
  Model model;
  std::uint64_t sequence = 0;
  std::size_t entries = 0;
  std::size_t bytes = 0;
};

// What the model shows as of one sequence, flattened.
using Flat = std::map<std::string, std::pair<std::uint64_t, Written>>;
Flat Flatten(const Model& model, std::uint64_t as_of) {
  Flat flat;
  for (const auto& [key, versions] : model) {
    if (auto visible = VisibleIn(versions, as_of)) {
      flat.emplace(key, *visible);
    }
  }
  return flat;
}

void ExpectAt(const Memtable::Cursor& cursor, const Flat& flat, Flat::const_iterator expected) {
  ASSERT_EQ(cursor.valid(), expected != flat.end());
  if (cursor.valid()) {
    ASSERT_EQ(cursor.key(), expected->first);
    ExpectSame(cursor.state(), expected->second);
  }
}

// The last at or below `key`, or end.
Flat::const_iterator AtOrBelow(const Flat& flat, const std::string& key) {
  const auto above = flat.upper_bound(key);
  return above == flat.begin() ? flat.end() : std::prev(above);
}

void WalkAtRandom(Pair& pair, KeyShape shape, std::uint64_t as_of) {
  const Flat flat = Flatten(pair.model, as_of);
  Memtable::Cursor cursor(pair.memtable, {as_of});
  ASSERT_FALSE(cursor.valid());
  auto expected = flat.end();
  for (int step = 0; step < 300; ++step) {
    const bool may_move = expected != flat.end();
    const auto move = pair.random.Below(may_move ? 24 : 4);
    if (move == 0) {
      cursor.SeekToFirst();
      expected = flat.begin();
    } else if (move == 1) {
      cursor.SeekToLast();
      expected = flat.empty() ? flat.end() : std::prev(flat.end());
    } else if (move <= 3) {
      const std::string key = pair.SomeKey(shape);
      move == 2 ? cursor.Seek(key) : cursor.SeekForPrev(key);
      expected = move == 2 ? flat.lower_bound(key) : AtOrBelow(flat, key);
    } else if (move <= 13) {
      cursor.Next();
      ++expected;
    } else {
      cursor.Prev();
      expected = expected == flat.begin() ? flat.end() : std::prev(expected);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectAt(cursor, flat, expected)) << "step " << step;
    if (pair.random.OneIn(40)) {
      pair.Insert(pair.SomeKey(shape));  // Later than as_of: the cursor must not see it.
    }
  }
}

void WalkThrough(const Pair& pair, std::uint64_t as_of) {
  const Flat flat = Flatten(pair.model, as_of);
  Memtable::Cursor cursor(pair.memtable, {as_of});
  cursor.SeekToFirst();
  for (auto expected = flat.begin(); expected != flat.end(); ++expected, cursor.Next()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(cursor, flat, expected));
  }
  ASSERT_FALSE(cursor.valid());
  cursor.SeekToLast();
  for (auto expected = flat.rbegin(); expected != flat.rend(); ++expected, cursor.Prev()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(cursor, flat, std::prev(expected.base())));
  }
  ASSERT_FALSE(cursor.valid());
}

void ScanThrough(const Pair& pair) {
  Memtable::Scan scan(pair.memtable);
  for (const auto& [key, versions] : pair.model) {
    for (const auto& [sequence, written] : versions) {
      ASSERT_TRUE(scan.valid());
      ASSERT_EQ(scan.entry().key, key);
      ASSERT_EQ(scan.entry().sequence.value, sequence);
      ASSERT_EQ(scan.entry().kind, written.kind);
      ASSERT_EQ(scan.entry().value, written.value);
      scan.Next();
    }
  }
  ASSERT_FALSE(scan.valid());
}

// Walks to the end, over tombstones by the fast step. Returns how often it stood on one.
std::size_t WalkOverTombstones(Pair& pair, const Flat& flat, std::uint64_t as_of, bool forward,
                               bool is_limited) {
  Memtable::Cursor cursor(pair.memtable, {as_of});
  forward ? cursor.SeekToFirst() : cursor.SeekToLast();
  std::vector<std::pair<std::string, Kind>> all;
  for (const auto& [key, visible] : flat) {
    all.emplace_back(key, visible.second.kind);
  }
  if (!forward) {
    std::ranges::reverse(all);
  }
  std::size_t stops = 0;
  std::size_t at = 0;
  while (cursor.valid()) {
    EXPECT_EQ(cursor.key(), all[at].first);
    if (all[at].second == Kind::kPut) {
      forward ? cursor.Next() : cursor.Prev();
      ++at;
      continue;
    }
    ++stops;
    const std::size_t limit_at = at + 1 + pair.random.Below(300);
    const bool has_limit = is_limited && limit_at < all.size();
    std::optional<std::string_view> limit;
    if (has_limit) {
      limit = all[limit_at].first;
    }
    forward ? cursor.NextOverTombstones(limit) : cursor.PrevOverTombstones(limit);
    for (++at; at < all.size() && cursor.valid() && cursor.key() != all[at].first; ++at) {
      EXPECT_EQ(all[at].second, Kind::kDelete);
      EXPECT_TRUE(!has_limit || at < limit_at);
    }
  }
  for (; at < all.size(); ++at) {  // It may end beyond tombstones.
    EXPECT_EQ(all[at].second, Kind::kDelete);
  }
  return stops;
}

TEST(Memtable, PassesOverTombstonesAndNothingElse) {
  Pair pair(11);
  std::vector<std::string> keys;
  for (int i = 0; i < 4000; ++i) {
    keys.push_back(MakeKey(KeyShape::kAscending, static_cast<std::uint64_t>(i), pair.random));
    pair.Write(keys.back(), Kind::kPut);
  }
  std::size_t runs = 0;
  std::vector<std::uint64_t> moments;
  for (std::size_t i = 0; i < keys.size(); i += 1 + pair.random.Below(30)) {
    ++runs;
    for (const std::size_t end = i + 1 + pair.random.Below(300); i < end && i < keys.size(); ++i) {
      pair.Write(keys[i], Kind::kDelete);
      if (pair.random.OneIn(100)) {  // Reborn, and perhaps a neighbour comes between.
        pair.Write(keys[i], Kind::kPut);
        pair.Write(keys[i] + "+", pair.random.OneIn(2) ? Kind::kPut : Kind::kDelete);
        runs += 2;
      }
    }
    moments.push_back(pair.sequence);
  }
  pair.memtable.CheckInvariants();
  for (const bool forward : {true, false}) {
    const Flat now = Flatten(pair.model, pair.sequence);
    EXPECT_LE(WalkOverTombstones(pair, now, pair.sequence, forward, false), 2 * runs);
    EXPECT_GT(WalkOverTombstones(pair, now, pair.sequence, forward, true), 0u);
    for (const std::uint64_t as_of : moments) {
      WalkOverTombstones(pair, Flatten(pair.model, as_of), as_of, forward, pair.random.OneIn(2));
    }
  }
}

class MemtableModel : public testing::TestWithParam<KeyShape> {};
INSTANTIATE_TEST_SUITE_P(Shapes, MemtableModel, testing::ValuesIn(kAllKeyShapes));

TEST_P(MemtableModel, AnswersAsAnOrderedMapWould) {
  const KeyShape shape = GetParam();
  Pair pair(7 + static_cast<std::uint64_t>(shape));
  const std::uint64_t inserts = shape == KeyShape::kLong ? 500 : 12'000;
  const std::uint64_t checked_every = inserts / 25;
  for (std::uint64_t i = 0; i < inserts; ++i) {
    pair.Insert(pair.random.OneIn(4) ? pair.SomeKey(shape) : MakeKey(shape, i, pair.random));
    if (pair.random.OneIn(4)) {
      ASSERT_NO_FATAL_FAILURE(
          pair.ExpectFinds(pair.SomeKey(shape), pair.random.Below(pair.sequence + 2)));
    }
    if (i % checked_every == 0 || i < 200) {
      pair.memtable.CheckInvariants();
    }
    if (i % checked_every == 0) {
      ASSERT_NO_FATAL_FAILURE(WalkAtRandom(pair, shape, pair.random.Below(pair.sequence + 1)));
      ASSERT_NO_FATAL_FAILURE(WalkAtRandom(pair, shape, pair.sequence));
    }
  }
  pair.memtable.CheckInvariants();
  for (const auto& [key, versions] : pair.model) {
    ASSERT_NO_FATAL_FAILURE(pair.ExpectFinds(key, pair.sequence));
    ASSERT_NO_FATAL_FAILURE(pair.ExpectFinds(key, pair.random.Below(pair.sequence)));
  }
  ASSERT_NO_FATAL_FAILURE(WalkThrough(pair, pair.sequence));
  ASSERT_NO_FATAL_FAILURE(WalkThrough(pair, pair.sequence / 2));
  ASSERT_NO_FATAL_FAILURE(ScanThrough(pair));
  EXPECT_EQ(pair.memtable.entry_count(), pair.entries);
  EXPECT_EQ(pair.memtable.data_bytes(), pair.bytes);
}

// Keys come between, and leaves are split, after a point was found and before it is used.
TEST_P(MemtableModel, InsertsWhatWasExpectedLongBefore) {
  const KeyShape shape = GetParam();
  Pair pair(70 + static_cast<std::uint64_t>(shape));
  const int rounds = shape == KeyShape::kLong ? 10 : 60;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::string> keys(1 + pair.random.Below(round % 2 == 0 ? 8 : 300));
    std::vector<InsertionPoint> expected;
    for (std::string& key : keys) {
      key = pair.SomeKey(shape);
      expected.push_back(pair.memtable.Expect(key));
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      pair.Insert(keys[i], expected[i]);
    }
    pair.memtable.CheckInvariants();
    for (const std::string& key : keys) {
      ASSERT_NO_FATAL_FAILURE(pair.ExpectFinds(key, pair.sequence));
    }
  }
  ASSERT_NO_FATAL_FAILURE(ScanThrough(pair));
}

TEST_P(MemtableModel, HoldsWhatAQueueInsertedWhenItIsDrained) {
  const KeyShape shape = GetParam();
  Random random(700 + static_cast<std::uint64_t>(shape));
  Memtable memtable;
  InsertionQueue queue(memtable);
  std::map<std::string, std::uint64_t> newest;
  std::uint64_t sequence = 0;
  for (std::uint64_t round = 0; round < 20; ++round) {
    for (std::uint64_t count = random.Below(40); count > 0; --count) {
      const auto key = newest.emplace(MakeKey(shape, random.Below(300), random), 0).first;
      key->second = ++sequence;
      queue.Add({.key = key->first, .sequence = {sequence}, .kind = Kind::kPut, .value = "v"});
    }
    queue.Drain();
    EXPECT_EQ(memtable.entry_count(), sequence);
    memtable.CheckInvariants();
    for (const auto& [key, written] : newest) {
      const Found found = memtable.Find(Lookup(key, {sequence}));
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->sequence.value, written);
    }
  }
}

TEST(Memtable, IsEmptyAndSmallAtFirst) {
  const Memtable memtable;
  EXPECT_TRUE(memtable.empty());
  EXPECT_EQ(memtable.data_bytes(), 0u);
  EXPECT_LE(memtable.memory_bytes(), std::size_t{8} << 10);
  EXPECT_FALSE(memtable.Find(Lookup("key", kSequenceMax)).has_value());
  Memtable::Cursor cursor(memtable, kSequenceMax);
  cursor.SeekToFirst();
  EXPECT_FALSE(cursor.valid());
  cursor.SeekToLast();
  EXPECT_FALSE(cursor.valid());
  cursor.Seek("key");
  EXPECT_FALSE(cursor.valid());
  cursor.SeekForPrev("key");
  EXPECT_FALSE(cursor.valid());
  EXPECT_FALSE(Memtable::Scan(memtable).valid());
}

TEST(Memtable, TellsKeysApartThatDifferInZerosOnly) {
  Memtable memtable;
  const std::vector<std::string> keys{"a",
                                      std::string("a\0", 2),
                                      std::string("a\0\0", 3),
                                      std::string("\0", 1),
                                      std::string("\0\0", 2),
                                      std::string(8, '\0'),
                                      std::string(9, '\0')};
  std::uint64_t sequence = 0;
  for (const std::string& key : keys) {
    memtable.Insert({++sequence}, Kind::kPut, key, std::to_string(key.size()));
  }
  memtable.CheckInvariants();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Found found = memtable.Find(Lookup(keys[i], kSequenceMax));
    ASSERT_TRUE(found.has_value()) << i;
    EXPECT_EQ(found->sequence.value, i + 1);
  }
  EXPECT_FALSE(memtable.Find(Lookup(std::string(7, '\0'), kSequenceMax)).has_value());
  EXPECT_FALSE(memtable.Find(Lookup(std::string("a\0\0\0", 4), kSequenceMax)).has_value());
}

TEST(Memtable, FindsKeysWhoseHeadsLookLikeUnusedSlots) {
  Memtable memtable;
  std::uint64_t sequence = 0;
  for (std::size_t size = 1; size <= 200; ++size) {
    memtable.Insert({++sequence}, Kind::kPut, std::string(size, '\xFF'), "");
    memtable.CheckInvariants();
  }
  for (std::size_t size = 1; size <= 200; ++size) {
    const Found found = memtable.Find(Lookup(std::string(size, '\xFF'), kSequenceMax));
    ASSERT_TRUE(found.has_value()) << size;
    ASSERT_EQ(found->sequence.value, size);
  }
  EXPECT_FALSE(memtable.Find(Lookup(std::string(201, '\xFF'), kSequenceMax)).has_value());
}

TEST(Memtable, ReachesEveryVersionOfAHotKey) {
  Memtable memtable;
  constexpr std::uint64_t kVersions = 3000;
  memtable.Insert({1}, Kind::kPut, "other", "");
  for (std::uint64_t i = 1; i <= kVersions; ++i) {
    memtable.Insert({10 * i}, i % 7 == 0 ? Kind::kDelete : Kind::kPut, "hot",
                    i % 7 == 0 ? "" : std::to_string(i));
  }
  memtable.CheckInvariants();
  EXPECT_FALSE(memtable.Find(Lookup("hot", {9})).has_value());
  for (std::uint64_t i = 1; i <= kVersions; ++i) {
    for (std::uint64_t as_of : {10 * i, 10 * i + 9}) {
      const Found found = memtable.Find(Lookup("hot", {as_of}));
      ASSERT_TRUE(found.has_value());
      ASSERT_EQ(found->sequence.value, 10 * i);
      ASSERT_EQ(found->kind, i % 7 == 0 ? Kind::kDelete : Kind::kPut);
    }
  }
}

TEST(Memtable, OverwritingCostsTheValueAndLittleMore) {
  Memtable memtable;
  std::uint64_t sequence = 0;
  for (int i = 0; i < 100'000; ++i) {
    memtable.Insert({++sequence}, Kind::kPut, std::string(1000, 'k'), "12345678");
  }
  EXPECT_LE(memtable.memory_bytes(), 100'000u * 32 * 5 / 4);
}

TEST(Memtable, AscendingInsertionLeavesFullLeaves) {
  Memtable ascending;
  Memtable descending;
  Random random(1);
  constexpr std::uint64_t kKeys = 100'000;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    ascending.Insert({i + 1}, Kind::kPut, MakeKey(KeyShape::kAscending, i, random), "");
    descending.Insert({i + 1}, Kind::kPut, MakeKey(KeyShape::kDescending, i, random), "");
  }
  // 40 bytes of record and 13 of a full leaf make 53; of half-full leaves 66.
  EXPECT_LE(ascending.memory_bytes(), kKeys * 62);
  EXPECT_LE(descending.memory_bytes(), kKeys * 62);
}

TEST(Memtable, HoldsTheLargestKeysAndValues) {
  Memtable memtable;
  const std::string key(std::size_t{64} << 10, 'k');
  const std::string value(std::size_t{64} << 20, 'v');
  memtable.Insert({1}, Kind::kPut, key, value);
  memtable.Insert({2}, Kind::kPut, key, "small");
  memtable.Insert({3}, Kind::kPut, key, value);
  memtable.Insert({4}, Kind::kDelete, key, "");
  memtable.CheckInvariants();
  EXPECT_EQ(memtable.Find(Lookup(key, {1}))->value, value);
  EXPECT_EQ(memtable.Find(Lookup(key, {2}))->value, "small");
  EXPECT_EQ(memtable.Find(Lookup(key, {3}))->value, value);
  EXPECT_EQ(memtable.Find(Lookup(key, {4}))->kind, Kind::kDelete);
  EXPECT_FALSE(memtable.Find(Lookup(key.substr(1), {4})).has_value());
  EXPECT_LE(memtable.memory_bytes(), 2 * value.size() + (std::size_t{3} << 20));
}

TEST(Memtable, IsUsedUpToItsLimitAndNotOnlyAllocated) {
  constexpr std::size_t kLimit = std::size_t{16} << 20;
  Memtable memtable;
  const std::string value(5000, 'v');
  for (std::uint64_t i = 1; !memtable.Fills(kLimit); ++i) {
    memtable.Insert({i}, Kind::kPut, "key" + std::to_string(i), value);
  }
  EXPECT_GE(memtable.data_bytes(), kLimit / 100 * 98);
  EXPECT_LE(memtable.memory_bytes(), kLimit / 16 * 17);
}

// Chunks that a pool kept are large; they must not be what fills a small memtable.
TEST(Memtable, OfAnySizeIsFilledByItsEntries) {
  for (const std::size_t limit : {1u, 2u, 3u, 4u, 6u, 8u, 12u, 16u, 32u}) {
    const std::size_t limit_bytes = limit << 20;
    auto pool = std::make_shared<ChunkPool>(limit_bytes);
    for (int round = 0; round < 3; ++round) {
      pool->BeginMemtable();
      Memtable memtable(pool, limit_bytes);
      const std::string value(100, 'v');
      for (std::uint64_t i = 1; !memtable.Fills(limit_bytes); ++i) {
        pool->Prepare();
        memtable.Insert({i}, Kind::kPut, std::to_string(i * 0x9E3779B97F4A7C15), value);
      }
      EXPECT_GE(memtable.data_bytes(), limit_bytes / 100 * 65) << limit << " MiB";
    }
  }
}

TEST(MemtableDeathTest, RefusesWhatBreaksItsContract) {
  Memtable memtable;
  memtable.Insert({5}, Kind::kPut, "key", "");
  EXPECT_DEATH(memtable.Insert({5}, Kind::kPut, "other", ""), "sequence");
  EXPECT_DEATH(memtable.Insert({6}, Kind::kPut, "", ""), "key");
  EXPECT_DEATH(memtable.Insert({6}, Kind::kPut, std::string((64 << 10) + 1, 'k'), ""), "key");
}

}  // namespace
}  // namespace firn
