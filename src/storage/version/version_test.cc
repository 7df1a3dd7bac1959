// SPDX-License-Identifier: Apache-2.0
#include "storage/version/version.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace firn {
namespace {

TableMeta Meta(std::uint64_t number, std::string smallest, std::string largest) {
  TableMeta meta{.name = {.birth_level = 1, .number = {number}}, .properties = {}};
  meta.properties.entry_count = 2;
  meta.properties.file_bytes = 100;
  meta.properties.smallest_key = std::move(smallest);
  meta.properties.largest_key = std::move(largest);
  return meta;
}

VersionEdit Add(int level, TableMeta meta) {
  VersionEdit edit;
  edit.added.push_back({.level = level, .table = std::move(meta)});
  return edit;
}

std::shared_ptr<const Version> MustApply(const Version& version, const VersionEdit& edit) {
  auto next = version.Apply(edit, nullptr);
  EXPECT_TRUE(next.has_value()) << next.error().Describe();
  return *next;
}

TEST(TableName, IsWrittenWithThreeDigitsOrMore) {
  EXPECT_EQ(Describe(TableName{.birth_level = 0, .number = {1}}), "L0_001.sst");
  EXPECT_EQ(Describe(TableName{.birth_level = 6, .number = {12345}}), "L6_12345.sst");
}

TEST(TableName, IsReadBackAndNothingElseIs) {
  for (std::uint64_t number : {1u, 99u, 1000u, 4000000000u}) {
    const TableName name{.birth_level = 2, .number = {number}};
    EXPECT_EQ(ParseTableName(Describe(name)), name);
  }
  for (const char* other : {"", "L0_001", "L0_1.sst", "L0_0001.sst", "L7_001.sst", "L0_-01.sst",
                            "l0_001.sst", "L0_001.sst.tmp", "../L0_001.sst", "L0_.sst"}) {
    EXPECT_FALSE(ParseTableName(other)) << other;
  }
}

TEST(Version, FindsTheOnlyTableThatCanHoldAKey) {
  auto version = std::make_shared<const Version>();
  version = MustApply(*version, Add(1, Meta(1, "user:10", "user:20")));
  version = MustApply(*version, Add(1, Meta(2, "user:30", "user:40")));
  version = MustApply(*version, Add(1, Meta(3, "user:400", std::string("user:400\0", 9))));
  auto number = [&](std::string_view key) {
    const TableFile* table = version->sorted_level(1).TableFor(key);
    return table == nullptr ? 0 : table->meta().name.number.value;
  };
  EXPECT_EQ(number("user:10"), 1u);
  EXPECT_EQ(number("user:20"), 1u);
  EXPECT_EQ(number("user:25"), 0u);
  EXPECT_EQ(number("user:35"), 2u);
  EXPECT_EQ(number("user:40"), 2u);
  EXPECT_EQ(number("user:400"), 3u);
  EXPECT_EQ(number(std::string("user:400\0", 9)), 3u);
  EXPECT_EQ(number(std::string("user:400\0\0", 10)), 0u);
  EXPECT_EQ(number("a"), 0u);
  EXPECT_EQ(number("z"), 0u);
}

// Bounds of two letters and up to 12 bytes: heads tie, end early and lie before the common prefix.
TEST(Version, FindsTheTableThatASearchOfAllBoundsFinds) {
  Random random(11);
  const auto any_key = [&random] {
    std::string key(1 + random.Below(12), 'a');
    for (char& byte : key) {
      byte = random.Below(4) == 0 ? 'b' : 'a';
    }
    return key;
  };
  for (int round = 0; round < 300; ++round) {
    std::set<std::string> bounds;
    while (bounds.size() < 2 * (1 + random.Below(6))) {
      bounds.insert(any_key());
    }
    auto version = std::make_shared<const Version>();
    std::vector<std::pair<std::string, std::string>> ranges;
    for (auto bound = bounds.begin(); bound != bounds.end() && std::next(bound) != bounds.end();
         std::advance(bound, 2)) {
      ranges.emplace_back(*bound, *std::next(bound));
      version = MustApply(*version,
                          Add(1, Meta(ranges.size(), ranges.back().first, ranges.back().second)));
    }
    for (int probe = 0; probe < 100; ++probe) {
      const std::string key = any_key();
      std::uint64_t expected = 0;
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        if (ranges[i].first <= key && key <= ranges[i].second) {
          expected = i + 1;
        }
      }
      const TableFile* table = version->sorted_level(1).TableFor(key);
      ASSERT_EQ(table == nullptr ? 0 : table->meta().name.number.value, expected) << key;
    }
  }
}

TEST(Version, RefusesEditsThatDoNotFit) {
  auto version = std::make_shared<const Version>();
  version = MustApply(*version, Add(1, Meta(1, "b", "d")));
  EXPECT_EQ(version->Apply(Add(1, Meta(2, "d", "f")), nullptr).error().context,
            "version: L1 L1_002.sst overlaps L1_001.sst");
  EXPECT_EQ(version->Apply(Add(2, Meta(1, "x", "y")), nullptr).error().context,
            "version: L2 L1_001.sst has a number that is in use");
  VersionEdit removal;
  removal.removed.push_back({.level = 1, .table = {.birth_level = 1, .number = {9}}});
  EXPECT_EQ(version->Apply(removal, nullptr).error().context,
            "version: L1 L1_009.sst is removed but not there");
}

// What first and last share, a table between them need not when they overlap.
TEST(Version, RefusesOverlappingTablesBeforeItSearchesThem) {
  const std::string shared(40, 's');
  VersionEdit edit = Add(1, Meta(1, "a", shared + "1"));
  edit.added.push_back(Add(1, Meta(2, "b", std::string(20, 'b'))).added.front());
  edit.added.push_back(Add(1, Meta(3, "c", shared + "3")).added.front());
  EXPECT_EQ(Version().Apply(edit, nullptr).error().context,
            "version: L1 L1_002.sst overlaps L1_001.sst");
}

TEST(Version, ATableMovedDownKeepsItsObject) {
  auto before = MustApply(Version(), Add(0, Meta(1, "a", "b")));
  VersionEdit move;
  move.removed.push_back({.level = 0, .table = {.birth_level = 1, .number = {1}}});
  move.added.push_back({.level = 1, .table = Meta(1, "a", "b")});
  auto after = MustApply(*before, move);
  EXPECT_EQ(after->tables(1).at(0), before->tables(0).at(0));
  EXPECT_TRUE(after->tables(0).empty());
}

TEST(Version, EmptyTablesAreListedAndNeverSearched) {
  TableMeta empty = Meta(1, "", "");
  empty.properties.entry_count = 0;
  auto version = MustApply(Version(), Add(0, empty));
  EXPECT_TRUE(version->level0_newest_first().empty());
  EXPECT_EQ(version->empty_tables().size(), 1u);
  EXPECT_EQ(version->deepest_level(), -1);
  EXPECT_EQ(version->table_count(), 1u);
}

TEST(Version, LevelZeroIsNewestFirst) {
  auto version = MustApply(Version(), Add(0, Meta(1, "a", "z")));
  version = MustApply(*version, Add(0, Meta(3, "a", "z")));
  version = MustApply(*version, Add(0, Meta(2, "a", "z")));
  EXPECT_EQ(Describe(*version), "L0: 3:[a .. z]#0-0 2:[a .. z]#0-0 1:[a .. z]#0-0\n");
}

}  // namespace
}  // namespace firn
