// SPDX-License-Identifier: Apache-2.0
//
// Blocks against a sorted list, in every shape of columns, and against bytes that no builder made.
#include "storage/table/block.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/table/block_builder.h"
#include "storage/table/table_testing.h"

namespace firn {
namespace {

using table_testing::Entries;
using table_testing::OwnedEntry;
using table_testing::RandomBytes;
using table_testing::RandomEntries;
using table_testing::Shape;

// A block in an allocation of its exact size, slack included, so that sanitizers see what leaves
// it.
struct Built {
  explicit Built(const Entries& entries) {
    BlockBuilder builder;
    for (const OwnedEntry& entry : entries) {
      builder.Add(entry.view());
    }
    std::string bytes;
    builder.Finish(bytes);
    Take(bytes);
  }
  explicit Built(const std::string& bytes) { Take(bytes); }

  void Take(const std::string& bytes) {
    size = bytes.size();
    memory = std::make_unique<char[]>(size + block_format::kSlackBytes);
    bytes.copy(memory.get(), size);
  }
  Result<Block> Parse() const { return Block::Parse({memory.get(), size}); }
  std::string bytes() const { return {memory.get(), size}; }

  std::size_t size = 0;
  std::unique_ptr<char[]> memory;
};

OwnedEntry EntryAt(const Block& block, std::uint32_t i) {
  std::string key(block.KeyBytes(i) + kHeadBytes, '\0');
  block.prefix().copy(key.data(), block.prefix().size());
  const char* end = block.StoreSuffix(i, key.data() + block.prefix().size());
  EXPECT_EQ(static_cast<std::size_t>(end - key.data()), block.KeyBytes(i));
  key.resize(block.KeyBytes(i));
  return {key, block.sequence(i).value, block.kind(i), std::string(block.value(i))};
}

std::uint32_t ExpectedBound(const Entries& entries, std::string_view key, std::uint64_t as_of) {
  std::uint32_t i = 0;
  while (i < entries.size() &&
         (entries[i].key < key || (entries[i].key == key && entries[i].sequence > as_of))) {
    ++i;
  }
  return i;
}

void ExpectSearchesAgree(const Entries& entries, const Block& block, std::string_view key,
                         std::uint64_t as_of) {
  const std::uint32_t bound = ExpectedBound(entries, key, as_of);
  EXPECT_EQ(block.LowerBound(key, {as_of}), bound);
  EXPECT_EQ(block.LowerBound(key, {as_of}, block.Narrow(key, block.SampleHeads())), bound);
  const bool there = bound < entries.size() && entries[bound].key == key;
  EXPECT_EQ(block.Find(key, {as_of}), there ? bound : entries.size());
  std::uint32_t above = 0;
  while (above < entries.size() && entries[above].key <= key) {
    ++above;
  }
  EXPECT_EQ(block.UpperBound(key), above);
}

void ExpectRoundTrip(const Entries& entries, Random& random) {
  const Built built(entries);
  const Block block = built.Parse().value();
  ASSERT_EQ(block.count(), entries.size());
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    ASSERT_EQ(EntryAt(block, i), entries[i]);
    ASSERT_EQ(block.CompareKey(i, entries[i].key), 0);
    ExpectSearchesAgree(entries, block, entries[i].key, random.Below(1100));
    ExpectSearchesAgree(entries, block, entries[i].key + std::string(1, '\0'), 500);
    ExpectSearchesAgree(entries, block, entries[i].key.substr(0, entries[i].key.size() / 2), 500);
    ExpectSearchesAgree(entries, block, RandomBytes(random, random.Below(12), 4), 500);
  }
}

TEST(Block, GivesBackEveryEntryInEveryShape) {
  Random random(11);
  const std::vector<Shape> shapes = {
      {},
      {.key_bytes_min = 0, .key_bytes_max = 3, .alphabet = 2},
      {.key_bytes_min = 16, .key_bytes_max = 16, .alphabet = 256},
      {.key_bytes_min = 2, .key_bytes_max = 2, .alphabet = 256, .prefix = "common/prefix/"},
      {.key_bytes_min = 0, .key_bytes_max = 9, .prefix = "common/"},
      {.count = 1},
      {.count = 1, .versions_max = 50},
      {.count = 40, .versions_max = 30},
      {.tombstone_one_in = 1},
      {.tombstone_one_in = 0, .sequences_all_zero = true},
      {.key_bytes_max = 60, .alphabet = 2, .value_bytes_max = 0},
      {.count = 30, .key_bytes_max = 3000, .value_bytes_max = 9000},
      {.count = 20, .key_bytes_min = 60'000, .key_bytes_max = 65'536, .alphabet = 2},
      {.count = 300, .key_bytes_max = 20, .alphabet = 2, .versions_max = 6},
  };
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    SCOPED_TRACE("shape " + std::to_string(i));
    for (int round = 0; round < 8; ++round) {
      ExpectRoundTrip(RandomEntries(random, shapes[i]), random);
    }
  }
}

TEST(Block, TellsKeysApartThatDifferByTrailingZeros) {
  Entries entries;
  for (std::size_t length = 0; length < 20; ++length) {
    entries.push_back({"a" + std::string(length, '\0'), 5, Kind::kPut, std::to_string(length)});
  }
  Random random(1);
  ExpectRoundTrip(entries, random);
}

TEST(Block, HoldsSequencesAcrossTheirWholeRange) {
  Entries entries = {{"a", kSequenceMax.value, Kind::kPut, "new"},
                     {"a", 70'000, Kind::kDelete, ""},
                     {"a", 0, Kind::kPut, "old"}};
  Random random(1);
  ExpectRoundTrip(entries, random);
  const Built built(entries);
  EXPECT_EQ(built.Parse().value().largest_sequence(), kSequenceMax);
}

TEST(Block, StoresNoColumnThatSaysTheSameOfEveryEntry) {
  Entries entries;
  for (int i = 0; i < 100; ++i) {
    entries.push_back({"key" + std::to_string(1000 + i), 0, Kind::kPut, std::string(10, 'v')});
  }
  // A header, a head of two bytes each, the prefix "key1" less what heads took in, and the values.
  EXPECT_LE(Built(entries).size, block_format::kHeaderBytes + 100 * (2 + 10) + 5);
}

TEST(Block, MarksWhatItHolds) {
  const Built plain(Entries{{"a", 3, Kind::kPut, "x"}, {"b", 2, Kind::kPut, "y"}});
  EXPECT_FALSE(plain.Parse()->multi_version());
  EXPECT_FALSE(plain.Parse()->has_tombstone());
  const Built rich(Entries{{"a", 3, Kind::kPut, "x"}, {"a", 2, Kind::kDelete, ""}});
  EXPECT_TRUE(rich.Parse()->multi_version());
  EXPECT_TRUE(rich.Parse()->has_tombstone());
}

TEST(Block, MayEndInZerosAndInNothingElse) {
  Random random(7);
  const Entries entries = RandomEntries(random, {});
  const std::string bytes = Built(entries).bytes();
  const Built padded(bytes + std::string(block_format::kPaddingBytesMax, '\0'));
  const Block block = padded.Parse().value();
  ASSERT_EQ(block.count(), entries.size());
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    ASSERT_EQ(EntryAt(block, i), entries[i]);
  }
  for (const std::string& behind : {std::string(block_format::kPaddingBytesMax + 1, '\0'),
                                    std::string("\1"), std::string("\0\0\1", 3)}) {
    EXPECT_EQ(Built(bytes + behind).Parse().error().code, ErrorCode::kCorruption);
  }
}

// What a block takes is known before an entry is added: exactly, unless keys end in their heads.
TEST(BlockBuilder, TakesWhatFitsAndNoMore) {
  Random random(9);
  std::size_t refused = 0;
  for (int round = 0; round < 300; ++round) {
    Shape shape{.count = 1 + random.Below(200), .versions_max = 1 + random.Below(3)};
    const bool long_keys = random.OneIn(2);
    shape.key_bytes_min = long_keys ? 16 + random.Below(4) : random.Below(4);
    shape.value_bytes_max = random.Below(100);
    shape.tombstone_one_in = random.Below(3);
    const std::size_t room = 100 + random.Below(8000);
    BlockBuilder builder;
    Entries taken;
    for (const OwnedEntry& entry : RandomEntries(random, shape)) {
      taken.push_back(entry);
      const std::size_t size = Built(taken).size;
      if (!builder.TryAdd(entry.view(), room)) {
        ++refused;
        ASSERT_GT(taken.size(), 1u);
        ASSERT_TRUE(size > room || !long_keys);
        taken.pop_back();
        break;
      }
      ASSERT_TRUE(size <= room || taken.size() == 1);
    }
    std::string bytes;
    builder.Finish(bytes);
    ASSERT_EQ(bytes, Built(taken).bytes());
  }
  EXPECT_GT(refused, 50u);
}

// Touches everything that readers of a block touch.
std::uint64_t ReadAll(const Block& block) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    const OwnedEntry entry = EntryAt(block, i);
    for (const char byte : entry.key + entry.value) {
      sum += static_cast<std::uint8_t>(byte);
    }
    sum += entry.sequence + block.Find(entry.key, {entry.sequence}) + block.UpperBound(entry.key);
  }
  return sum;
}

TEST(Block, NeverLeavesItsBytesWhateverTheySay) {
  Random random(5);
  std::uint64_t sum = 0;
  int parsed = 0;
  for (int round = 0; round < 4000; ++round) {
    Shape shape{.count = 1 + random.Below(30), .versions_max = 1 + random.Below(3)};
    shape.key_bytes_min = random.Below(3);
    std::string bytes = Built(RandomEntries(random, shape)).bytes();
    for (std::uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
      const std::size_t limit = random.OneIn(2) ? block_format::kHeaderBytes : bytes.size();
      bytes[random.Below(limit)] =
          static_cast<char>(random.OneIn(3) ? random.Next() : random.Below(9));
    }
    if (random.OneIn(4)) {
      bytes.resize(random.Below(bytes.size() + 1));
    }
    const Built damaged(bytes);
    const auto block = damaged.Parse();
    if (block && block->count() < 10'000) {
      sum += ReadAll(*block);
      ++parsed;
    } else if (!block) {
      EXPECT_EQ(block.error().code, ErrorCode::kCorruption);
    }
  }
  EXPECT_GT(parsed, 100);
  EXPECT_GT(sum, 0u);
}

}  // namespace
}  // namespace firn
