// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "entries.h"
#include "key_sequence.h"
#include "workload.h"
#include "zipfian.h"

namespace firn::bench {
namespace {

TEST(EntryMaker, MakesKeysThatSortAsTheirNumbers) {
  EntryMaker entries({.key_bytes = 16, .value_bytes = 100});
  EXPECT_EQ(entries.Key(0), "0000000000000000");
  std::string last(entries.Key(0));
  for (const std::uint64_t number : {1U, 9U, 10U, 99U, 100U, 101U, 12'345U, 4'000'000U}) {
    const std::string key(entries.Key(number));
    EXPECT_EQ(key, std::string(16 - std::to_string(number).size(), '0') + std::to_string(number));
    EXPECT_LT(last, key);
    last = key;
  }
}

TEST(EntryMaker, FillsKeysOfAnOddLength) {
  EntryMaker entries({.key_bytes = 13, .value_bytes = 1});
  EXPECT_EQ(entries.Key(1'234'567'890'123), "1234567890123");
  EXPECT_EQ(entries.Key(7), "0000000000007");
}

TEST(EntryMaker, NeverPutsAMissingKey) {
  EntryMaker entries({});
  std::set<std::string> keys;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    keys.emplace(entries.Key(number));
  }
  for (std::uint64_t number = 0; number < 1000; ++number) {
    EXPECT_FALSE(keys.contains(std::string(entries.MissingKey(number))));
  }
}

TEST(EntryMaker, ScattersKeysWithoutCollisions) {
  const EntryForm form{.scattered = true};
  EntryMaker entries(form);
  std::set<std::string> keys;
  for (std::uint64_t number = 0; number < 10'000; ++number) {
    keys.emplace(entries.Key(number));
  }
  EXPECT_EQ(keys.size(), 10'000U);
  EXPECT_EQ(keys.begin()->size() + form.value_bytes, form.bytes());
}

TEST(EntryMaker, CutsValuesOfTheSizeAskedFor) {
  const EntryMaker entries({.key_bytes = 16, .value_bytes = 100'000});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(entries.Value(i).size(), 100'000U);
  }
  EXPECT_NE(entries.Value(1).substr(0, 50), entries.Value(2).substr(0, 50));
}

TEST(KeySequence, ShufflesEachKeyOnceAmongItsThreads) {
  std::multiset<std::uint64_t> all;
  for (unsigned index = 0; index < 3; ++index) {
    KeySequence numbers({.order = KeyOrder::kShuffled,
                         .entries = 1000,
                         .count = 334,
                         .index = index,
                         .parts = 3,
                         .seed = 5});
    const std::uint64_t count = 1000 * (index + 1) / 3 - 1000 * index / 3;
    for (std::uint64_t i = 0; i < count; ++i) {
      all.insert(numbers.Next());
    }
  }
  EXPECT_EQ(all.size(), 1000U);
  for (std::uint64_t number = 0; number < 1000; ++number) {
    EXPECT_EQ(all.count(number), 1U);
  }
}

TEST(KeySequence, DrawsTheSameKeysFromTheSameSeed) {
  for (const KeyOrder order : {KeyOrder::kUniform, KeyOrder::kHot, KeyOrder::kZipfian,
                               KeyOrder::kLatest, KeyOrder::kShuffled}) {
    const KeyPlan plan{.order = order, .entries = 500, .count = 100, .seed = 9};
    KeySequence one(plan);
    KeySequence other(plan);
    for (int i = 0; i < 300; ++i) {  // More than were drawn: it begins anew.
      const std::uint64_t number = one.Next();
      EXPECT_EQ(number, other.Next());
      EXPECT_LT(number, 500U);
    }
  }
}

TEST(KeySequence, GoesAroundInOrder) {
  KeySequence numbers({.order = KeyOrder::kInOrder, .entries = 3, .count = 5});
  for (const std::uint64_t wanted : {0U, 1U, 2U, 0U, 1U}) {
    EXPECT_EQ(numbers.Next(), wanted);
  }
}

TEST(KeySequence, PrefersFewKeysWhenZipfian) {
  KeySequence numbers({.order = KeyOrder::kZipfian, .entries = 10'000, .count = 100'000});
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 100'000; ++i) {
    ++counts[numbers.Next()];
  }
  int most = 0;
  for (const auto& [number, count] : counts) {
    most = std::max(most, count);
  }
  // The most popular of 10,000 has 1 / zeta(10,000, 0.99) = 9.7 % of all.
  EXPECT_GT(most, 9'000);
  EXPECT_LT(most, 10'500);
}

TEST(Zipfian, StaysWithinAFewEntries) {
  Random random(3);
  for (const std::uint64_t entries : {1U, 2U, 3U}) {
    const Zipfian zipfian(entries);
    for (int i = 0; i < 1000; ++i) {
      EXPECT_LT(zipfian.Rank(random), entries);
    }
  }
}

TEST(Families, GiveEveryRowANameOfItsOwn) {
  for (const Family& family : Families()) {
    std::set<std::string_view> names;
    for (const Workload& workload : family.workloads) {
      EXPECT_TRUE(names.insert(workload.name).second) << family.name << " " << workload.name;
    }
  }
}

TEST(Families, MixesAddUpToAHundred) {
  for (const Family& family : Families()) {
    for (const Workload& workload : family.workloads) {
      const Mix& mix = workload.mix;
      if (workload.action == Action::kMix) {
        EXPECT_EQ(mix.read + mix.update + mix.insert + mix.scan + mix.read_modify_write, 100U)
            << workload.name;
      }
    }
  }
}

}  // namespace
}  // namespace firn::bench
