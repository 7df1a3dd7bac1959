// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/flush_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/test_engine.h"

namespace firn {
namespace {

std::string Key(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(number));
  return text;
}

// The sequence numbers of entries in key order, each of a key of its own; those before which the
// flush is cut.
std::vector<std::uint64_t> CutsIn(const std::vector<std::uint64_t>& sequences) {
  FlushCut cut(sequences.size());
  std::vector<std::string> keys;
  std::vector<std::uint64_t> cuts;
  for (std::uint64_t i = 0; i < sequences.size(); ++i) {
    keys.push_back(Key(i));
  }
  for (std::uint64_t i = 0; i < sequences.size(); ++i) {
    if (cut.Before(keys[i], SequenceNumber{sequences[i]})) {
      cuts.push_back(sequences[i]);
    }
  }
  return cuts;
}

// What `loads` writers leave that take turns.
std::vector<std::uint64_t> SequencesOf(std::uint64_t loads, std::uint64_t entries) {
  std::vector<std::uint64_t> sequences;
  for (std::uint64_t load = 0; load < loads; ++load) {
    for (std::uint64_t i = 0; i < entries / loads; ++i) {
      sequences.push_back(1'000 + i * loads + load);
    }
  }
  return sequences;
}

TEST(FlushCut, IsBetweenAscendingLoads) {
  EXPECT_TRUE(CutsIn(SequencesOf(1, 1'200)).empty());
  EXPECT_EQ(CutsIn(SequencesOf(2, 1'200)), std::vector<std::uint64_t>{1'001});
  EXPECT_EQ(CutsIn(SequencesOf(3, 1'200)), (std::vector<std::uint64_t>{1'001, 1'002}));
}

TEST(FlushCut, MakesFourTablesAtMost) {
  EXPECT_EQ(CutsIn(SequencesOf(6, 1'200)), (std::vector<std::uint64_t>{1'001, 1'002, 1'003}));
}

TEST(FlushCut, IsNowhereInKeysAtRandomOrBackwards) {
  std::vector<std::uint64_t> sequences = SequencesOf(1, 1'000);
  std::ranges::reverse(sequences);
  EXPECT_TRUE(CutsIn(sequences).empty());
  Random random(1);
  for (std::uint64_t i = sequences.size(); i > 1; --i) {
    std::swap(sequences[i - 1], sequences[random.Below(i)]);
  }
  EXPECT_TRUE(CutsIn(sequences).empty());
}

TEST(FlushCut, IsBehindAnAscendingLoadHoweverLittleFollows) {
  std::vector<std::uint64_t> sequences = SequencesOf(1, 1'000);
  sequences.push_back(1);
  EXPECT_EQ(CutsIn(sequences), std::vector<std::uint64_t>{1});
}

TEST(FlushCut, IsNotBehindAFewEntriesThatHappenToAscend) {
  std::vector<std::uint64_t> sequences{5, 6, 7, 8, 9, 10, 11};
  sequences.push_back(1);
  EXPECT_TRUE(CutsIn(sequences).empty());
}

TEST(FlushCut, KeepsTheVersionsOfAKeyTogether) {
  FlushCut cut(200);
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(cut.Before("a", SequenceNumber{1'000 - i}));
  }
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 50; ++i) {
    keys.push_back(Key(i));
  }
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_FALSE(cut.Before(keys[i], SequenceNumber{2'000 + i}));
  }
  EXPECT_FALSE(cut.Before(keys.back(), SequenceNumber{1}));
}

// What two ascending loads put is written to the log and to level 0 and never again.
TEST(FlushCut, LeavesNothingToMergeOfTwoAscendingLoads) {
  TestEngine engine;
  engine.Open(SmallOptions()).value();
  constexpr std::uint64_t kEach = 2'000;
  for (std::uint64_t i = 0; i < kEach; ++i) {
    engine.Put(Key(i), std::string(100, 'a')).value();
    engine.Put(Key(1'000'000 + i), std::string(100, 'b')).value();
    engine.scheduler().RunUntilIdle();
  }
  const Statistics statistics = engine.engine().GetStatistics();
  EXPECT_GT(statistics.flushes, 10u);
  EXPECT_GT(statistics.compactions, 0u);
  EXPECT_EQ(statistics.compaction_bytes_written, 0u);
  for (std::uint64_t i = 0; i < kEach; i += 97) {
    EXPECT_EQ(engine.Get(Key(i)).value(), std::string(100, 'a'));
    EXPECT_EQ(engine.Get(Key(1'000'000 + i)).value(), std::string(100, 'b'));
  }
  engine.Close().value();
}

// A flush that fails in its second table leaves neither behind; the next one makes both.
TEST(FlushCut, LeavesNoTableOfAFlushThatFails) {
  TestEngine engine;
  engine.Open(SmallOptions()).value();
  auto tables = [&engine] {
    const std::vector<std::string> names = engine.memory().List(kTestDirectory).value();
    return std::ranges::count_if(names, [](const auto& name) { return name.ends_with(".sst"); });
  };
  engine.files().Plant(
      {.kind = OperationKind::kCreate, .name_part = ".sst", .nth = 2, .code = ErrorCode::kNoSpace});
  engine.scheduler().RunUntilIdle();
  for (std::uint64_t i = 0; engine.scheduler().pending() == 0; ++i) {
    engine.Put(Key(i), std::string(100, 'a')).value();
    engine.Put(Key(1'000'000 + i), std::string(100, 'b')).value();
  }
  engine.scheduler().RunUntilIdle();
  EXPECT_EQ(engine.files().faults_hit(), 1u);
  EXPECT_EQ(tables(), 0);
  engine.scheduler().Advance(std::chrono::seconds(10));
  engine.scheduler().RunUntilIdle();
  EXPECT_EQ(tables(), 2);
  engine.Close().value();
}

}  // namespace
}  // namespace firn
