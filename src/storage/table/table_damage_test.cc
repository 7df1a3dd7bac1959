// SPDX-License-Identifier: Apache-2.0
//
// Whatever happens to the file of a table, a reader gets the right answer or an error that names
// the file. Damage that a checksum cannot see, such as a block in the wrong place, counts too.
#include <gtest/gtest.h>

#include <string>

#include "base/coding.h"
#include "storage/table/table.h"
#include "storage/table/table_cursor.h"
#include "storage/table/table_format.h"
#include "storage/table/table_scan.h"
#include "storage/table/table_testing.h"

namespace firn {
namespace {

using namespace table_testing;

const std::string kPath = "/L1_042.sst";

// Where no read may go wrong unnoticed. Returns whether some read noticed damage.
bool ExpectRightOrCorruption(FileSystem& files, const Entries& entries) {
  bool noticed = false;
  auto expect_named = [&noticed](const Error& error) {
    noticed = true;
    EXPECT_EQ(error.code, ErrorCode::kCorruption) << error.Describe();
    EXPECT_NE(error.context.find("L1_042.sst"), std::string::npos) << error.Describe();
  };
  auto cache = std::make_shared<BlockCache>(1 << 20);
  const auto table = Table::Open(files, kPath, cache);
  if (!table) {
    expect_named(table.error());
    return noticed;
  }
  for (const OwnedEntry& entry : entries) {
    const auto found = Reading().Find(**table, entry.key, entry.sequence);
    if (found) {
      EXPECT_EQ(*found, entry);
    } else {
      expect_named(found.error());
    }
  }
  std::size_t i = 0;
  Table::Cursor cursor(*table, kSequenceMax);
  const Entries visible = Visible(entries, kSequenceMax.value);
  for (cursor.SeekToFirst(); cursor.valid(); cursor.Next(), ++i) {
    EXPECT_LT(i, visible.size());
    EXPECT_EQ(cursor.key(), visible[i].key);
    EXPECT_EQ(cursor.state().value, visible[i].value);
  }
  if (cursor.status()) {
    EXPECT_EQ(i, visible.size());
  } else {
    expect_named(cursor.status().error());
  }
  if (const auto verified = (*table)->Verify(); !verified) {
    expect_named(verified.error());
  }
  return noticed;
}

Entries SmallEntries() {
  Random random(9);
  return RandomEntries(random, {.count = 24, .value_bytes_max = 60, .versions_max = 3});
}

class Damage : public testing::TestWithParam<Compression> {
 protected:
  void SetUp() override {
    WriteTable(files_, entries_, {.path = kPath, .block_bytes = 256, .compression = GetParam()});
    intact_ = ReadFile(files_, kPath);
  }
  bool Plant(const std::string& content) {
    files_.SetContent(kPath, content);
    return ExpectRightOrCorruption(files_, entries_);
  }

  MemoryFileSystem files_;
  Entries entries_ = SmallEntries();
  std::string intact_;
};

TEST_P(Damage, IsNotSeenWhereThereIsNone) { EXPECT_FALSE(Plant(intact_)); }

TEST_P(Damage, OfAnyByteIsNoticed) {
  for (std::size_t i = 0; i < intact_.size(); ++i) {
    for (const int mask : {1, 0x80, 0xFF}) {
      std::string damaged = intact_;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      EXPECT_TRUE(Plant(damaged)) << "byte " << i;
    }
  }
}

TEST_P(Damage, ByTruncationIsNoticedAtAnyLength) {
  for (std::size_t length = 0; length < intact_.size(); ++length) {
    EXPECT_TRUE(Plant(intact_.substr(0, length))) << "length " << length;
  }
}

TEST_P(Damage, ByBytesAddedAtEitherEndIsNoticed) {
  EXPECT_TRUE(Plant(intact_ + std::string(1, '\0')));
  EXPECT_TRUE(Plant(std::string(1, '\0') + intact_));
  EXPECT_TRUE(Plant(intact_ + intact_));
}

std::string CodecName(const testing::TestParamInfo<Compression>& parameter) {
  switch (parameter.param) {
    case Compression::kNone: return "None";
    case Compression::kLz4: return "Lz4";
    default: return "Zstd";
  }
}
INSTANTIATE_TEST_SUITE_P(Codecs, Damage,
                         testing::Values(Compression::kNone, Compression::kLz4, Compression::kZstd),
                         CodecName);

// Entries whose blocks are all of one size, so that they can change places.
Entries UniformEntries(char fill) {
  Entries entries;
  for (int i = 0; i < 64; ++i) {
    entries.push_back({"key" + std::to_string(100 + i), 5, Kind::kPut, std::string(50, fill)});
  }
  return entries;
}

struct Uniform {
  explicit Uniform(std::uint64_t table_id, char fill) : entries(UniformEntries(fill)) {
    properties =
        WriteTable(files, entries, {.path = kPath, .table_id = table_id, .block_bytes = 512});
    content = ReadFile(files, kPath);
    // The first block: find the second by its trailer's place, the same for every block.
    block_bytes = 0;
    for (std::size_t length = table_format::kTrailerBytes; length < content.size(); ++length) {
      if (table_format::CheckTrailer(std::string_view(content).substr(0, length), table_id, 0)) {
        block_bytes = length;
        break;
      }
    }
  }
  MemoryFileSystem files;
  Entries entries;
  TableProperties properties;
  std::string content;
  std::size_t block_bytes;
};

TEST(MisplacedBlock, IsRefusedWhenTwoBlocksChangePlaces) {
  Uniform table(1, 'v');
  ASSERT_GT(table.block_bytes, 100u);
  ASSERT_GT(table.properties.block_count, 3u);
  std::string swapped = table.content;
  for (std::size_t i = 0; i < table.block_bytes; ++i) {
    std::swap(swapped[i], swapped[table.block_bytes + i]);
  }
  ASSERT_NE(swapped, table.content);
  table.files.SetContent(kPath, swapped);
  EXPECT_TRUE(ExpectRightOrCorruption(table.files, table.entries));
}

TEST(MisplacedBlock, IsRefusedWhenItIsTheSamePlaceOfAnotherTable) {
  Uniform mine(1, 'v');
  const Uniform other(2, 'w');
  ASSERT_EQ(mine.block_bytes, other.block_bytes);
  std::string mixed = mine.content;
  mixed.replace(0, mine.block_bytes, other.content.substr(0, other.block_bytes));
  mine.files.SetContent(kPath, mixed);
  auto table = Table::Open(mine.files, kPath, std::make_shared<BlockCache>(0)).value();
  const auto found = Reading().Find(*table, mine.entries[0].key);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kCorruption);
  EXPECT_TRUE(found.error().context.starts_with("table L1_042.sst @0: checksum "))
      << found.error().context;
}

// The file with another footer that is intact in itself.
Error OpenWithFooter(std::uint32_t version, std::uint32_t features) {
  Uniform table(1, 'v');
  const std::uint64_t offset = table.content.size() - table_format::kFooterBytes;
  auto footer =
      table_format::ParseFooter(std::string_view(table.content).substr(offset), offset).value();
  footer.version = version;
  footer.features = features;
  std::string content = table.content.substr(0, offset);
  table_format::PutFooter(content, footer, offset);
  table.files.SetContent(kPath, content);
  auto opened = Table::Open(table.files, kPath, std::make_shared<BlockCache>(0));
  EXPECT_FALSE(opened);
  return opened.error();
}

TEST(TableFormat, RefusesAnUnknownVersionByName) {
  const Error error = OpenWithFooter(2, 0);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.context.find("L1_042.sst"), std::string::npos);
  EXPECT_NE(error.context.find("table format version 2, this version reads 1"), std::string::npos);
}

TEST(TableFormat, RefusesUnknownFeaturesByName) {
  EXPECT_NE(OpenWithFooter(1, 1).context.find("feature bit 0 (range tombstones)"),
            std::string::npos);
  EXPECT_NE(OpenWithFooter(1, 1u << 30).context.find("feature bit 30,"), std::string::npos);
  EXPECT_EQ(OpenWithFooter(1, 8).code, ErrorCode::kUnsupported);
}

TEST(TableFormat, RefusesFilesThatAreNoTables) {
  MemoryFileSystem files;
  for (const std::string content :
       {"", "short", "a text that is longer than a footer would be, much longer"}) {
    files.SetContent(kPath, content);
    const auto opened = Table::Open(files, kPath, std::make_shared<BlockCache>(0));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
  }
  EXPECT_EQ(Table::Open(files, "/none.sst", std::make_shared<BlockCache>(0)).error().code,
            ErrorCode::kNotFound);
}

// Every section intact in itself, with properties nobody wrote.
TEST(TableFormat, RefusesPropertiesThatNoWriterMakes) {
  Random random(4);
  table_format::Description description;
  description.properties.entry_count = 3;
  description.properties.smallest_key = "a";
  description.filter = {.offset = 10, .stored_bytes = 73};
  description.index = {.offset = 83, .stored_bytes = 60};
  std::string bytes;
  table_format::PutDescription(bytes, description);
  EXPECT_TRUE(table_format::ParseDescription(bytes));
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    // A prefix may end between two fields; then it lacks some and is refused by what needs them.
    static_cast<void>(table_format::ParseDescription(bytes.substr(0, length)));
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Next());
    static_cast<void>(table_format::ParseDescription(damaged));
  }
  std::string unknown_section = bytes;
  PutVarint(unknown_section, 12);
  PutString(unknown_section, std::string("\x03\x00\x00", 3));
  EXPECT_EQ(table_format::ParseDescription(unknown_section).error().code, ErrorCode::kUnsupported);
  std::string unknown_tag = bytes;
  PutVarint(unknown_tag, 99);
  PutString(unknown_tag, "later");
  EXPECT_TRUE(table_format::ParseDescription(unknown_tag));
}

}  // namespace
}  // namespace firn
