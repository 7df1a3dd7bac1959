// SPDX-License-Identifier: Apache-2.0
#include "storage/table/table_index.h"

#include <gtest/gtest.h>

#include <string>

#include "storage/table/table_testing.h"

namespace firn {
namespace {

using table_testing::RandomBytes;

std::string Separator(std::string_view last, std::string_view next) {
  std::string out;
  ShortestSeparator(last, next, out);
  return out;
}

TEST(Separator, IsAsShortAsTheKeysAllow) {
  EXPECT_EQ(Separator("apple", "banana"), "b");
  EXPECT_EQ(Separator("apple", "b"), "aq");
  EXPECT_EQ(Separator("abc", "abcd"), "abc");
  EXPECT_EQ(Separator("abc1", "abd"), "abc2");
  EXPECT_EQ(Separator("ab\xff\xff", "ac"), "ab\xff\xff");
  EXPECT_EQ(Separator("", "a"), "");
}

TEST(Separator, LiesBetweenAnyTwoKeys) {
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string a = RandomBytes(random, random.Below(6), i % 2 == 0 ? 3 : 256);
    std::string b = RandomBytes(random, random.Below(6), i % 2 == 0 ? 3 : 256);
    if (a == b) {
      continue;
    }
    if (b < a) {
      std::swap(a, b);
    }
    const std::string between = Separator(a, b);
    ASSERT_LE(a, between);
    ASSERT_LT(between, b);
    ASSERT_LE(between.size(), std::max(a.size(), b.size()));
  }
}

TEST(TableIndex, RefusesBlocksThatDoNotFollowEachOther) {
  TableIndexBuilder builder;
  builder.Add({.offset = 0, .stored_bytes = 100, .raw_bytes = 91}, {"a", {1}, Kind::kPut, ""}, "b");
  builder.AddLast({.offset = 101, .stored_bytes = 100, .raw_bytes = 91}, "c");
  std::string bytes;
  builder.Finish(bytes);
  const auto index = TableIndex::Parse(bytes, 201);
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().Describe(), "corruption: index with block 1 @101 of 100 bytes want @100");
}

TEST(TableIndex, RefusesABlockTooLargeToBeOne) {
  TableIndexBuilder builder;
  builder.AddLast({.offset = 0, .stored_bytes = 100, .raw_bytes = UINT32_MAX}, "c");
  std::string bytes;
  builder.Finish(bytes);
  EXPECT_FALSE(TableIndex::Parse(bytes, 100));
}

TEST(TableIndex, LeadsEachVersionOfASplitKeyToItsBlock) {
  TableIndexBuilder builder;
  builder.Add({.offset = 0, .stored_bytes = 10, .raw_bytes = 1}, {"k", {9}, Kind::kPut, ""}, "k");
  builder.Add({.offset = 10, .stored_bytes = 10, .raw_bytes = 1}, {"k", {5}, Kind::kPut, ""}, "k");
  builder.AddLast({.offset = 20, .stored_bytes = 10, .raw_bytes = 1}, "k");
  std::string bytes;
  builder.Finish(bytes);
  const TableIndex index = TableIndex::Parse(bytes, 30).value();
  EXPECT_EQ(index.Find("k", {10}), 0u);
  EXPECT_EQ(index.Find("k", {9}), 0u);
  EXPECT_EQ(index.Find("k", {8}), 1u);
  EXPECT_EQ(index.Find("k", {5}), 1u);
  EXPECT_EQ(index.Find("k", {4}), 2u);
  EXPECT_EQ(index.Find("a", {4}), 0u);
  EXPECT_EQ(index.Find("l", {4}), 3u);
}

}  // namespace
}  // namespace firn
