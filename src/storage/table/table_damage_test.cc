// SPDX-License-Identifier: Apache-2.0
//
// Whatever happens to the file of a table, a reader gets the right answer or an error that names
// the file. Damage that a checksum cannot see, such as a block in the wrong place, counts too.
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// Takes a table apart, changes what its parts say, and puts it together with right checksums.
class Forgery {
 public:
  Forgery(FileSystem& files, std::uint64_t table_id) : table_id_(table_id) {
    const std::string file = ReadFile(files, kPath);
    const std::size_t footer_at = file.size() - table_format::kFooterBytes;
    const auto footer =
        table_format::ParseFooter(std::string_view(file).substr(footer_at), footer_at).value();
    const std::string properties =
        Content(file, footer.properties.offset, footer.properties.stored_bytes);
    description_ = table_format::ParseDescription(properties).value();
    filter_ = Content(file, description_.filter.offset, description_.filter.stored_bytes);
    index_ = Content(file, description_.index.offset, description_.index.stored_bytes);
    const auto index = TableIndex::Parse(index_, description_.filter.offset).value();
    for (std::uint32_t i = 0; i < index.block_count(); ++i) {
      blocks_.push_back(Content(file, index.extent(i).offset, index.extent(i).stored_bytes));
    }
  }

  // Changes some bytes of one part, its length never.
  void Change(Random& random) {
    const std::uint64_t part = random.Below(blocks_.size() + 2);
    std::string& bytes = part < blocks_.size()    ? blocks_[part]
                         : part == blocks_.size() ? index_
                                                  : filter_;
    for (std::uint64_t changes = 1 + random.Below(3); changes > 0 && !bytes.empty(); --changes) {
      const std::size_t limit =
          random.OneIn(2) ? std::min<std::size_t>(40, bytes.size()) : bytes.size();
      char& byte = bytes[random.Below(limit)];
      byte = static_cast<char>(random.OneIn(2) ? random.Below(9) : random.Next());
    }
    if (random.OneIn(4)) {
      std::swap(blocks_.front(), blocks_.back());
    }
  }

  std::string Assemble() {
    std::string file;
    for (const std::string& block : blocks_) {
      Append(file, block);
    }
    description_.filter = Append(file, filter_);
    description_.index = Append(file, index_);
    std::string properties;
    table_format::PutDescription(properties, description_);
    const table_format::Extent extent = Append(file, properties);
    table_format::PutFooter(file, {.table_id = table_id_, .properties = extent}, file.size());
    return file;
  }

 private:
  static std::string Content(const std::string& file, std::uint64_t offset, std::uint64_t stored) {
    return file.substr(offset, stored - table_format::kTrailerBytes);
  }
  table_format::Extent Append(std::string& file, const std::string& content) const {
    const std::size_t start = file.size();
    file += content;
    table_format::PutTrailer(file, start, Codec::kNone, {table_id_, start});
    return {.offset = start, .stored_bytes = file.size() - start};
  }

  std::uint64_t table_id_;
  table_format::Description description_;
  std::vector<std::string> blocks_;
  std::string filter_;
  std::string index_;
};

// What a forged table says is of no interest: no read may crash, hang or leave its memory.
std::size_t ReadEverything(const Table& table, const Entries& entries, Random& random) {
  std::size_t bytes = 0;
  const std::size_t steps = 4 * entries.size();
  for (const OwnedEntry& entry : entries) {
    if (const auto found = Reading().Find(table, entry.key, random.Below(1000)); found && *found) {
      bytes += (*found)->value.size();
    }
  }
  for (const std::uint64_t as_of : {kSequenceMax.value, std::uint64_t{500}}) {
    Table::Cursor cursor(table.shared_from_this(), {as_of});
    cursor.Seek(entries[random.Below(entries.size())].key);
    for (std::size_t i = 0; i < steps && cursor.valid(); ++i) {
      bytes += cursor.key().size() + cursor.state().value.size();
      random.OneIn(2) ? cursor.Next() : cursor.Prev();
    }
    cursor.SeekToLast();
    for (std::size_t i = 0; i < steps && cursor.valid(); ++i) {
      bytes += cursor.key().size() + cursor.state().value.size();
      cursor.Prev();
    }
    cursor.SeekForPrev(entries[random.Below(entries.size())].key);
  }
  std::size_t i = 0;
  for (Table::Scan scan(table.shared_from_this()); i < steps && scan.valid(); scan.Next(), ++i) {
    bytes += scan.entry().key.size() + scan.entry().value.size();
  }
  static_cast<void>(table.Verify());
  return bytes;
}

TEST(ForgedTable, NeverMakesAReaderLeaveItsMemory) {
  MemoryFileSystem files;
  Random random(77);
  constexpr std::uint64_t kId = 99;
  const Entries entries = RandomEntries(random, {.count = 40, .versions_max = 12});
  WriteTable(files, entries, {.path = kPath, .table_id = kId, .block_bytes = 200});
  const Forgery intact(files, kId);
  EXPECT_EQ(Forgery(intact).Assemble(), ReadFile(files, kPath));
  std::size_t opened = 0;
  std::size_t bytes = 0;
  for (int round = 0; round < 3000; ++round) {
    Forgery forged = intact;
    forged.Change(random);
    files.SetContent(kPath, forged.Assemble());
    const auto table = Table::Open(files, kPath, std::make_shared<BlockCache>(1 << 16));
    if (table) {
      ++opened;
      bytes += ReadEverything(**table, entries, random);
    } else {
      EXPECT_EQ(table.error().code, ErrorCode::kCorruption);
    }
  }
  EXPECT_GT(opened, 1000u);
  EXPECT_GT(bytes, 0u);
}

}  // namespace
}  // namespace firn
