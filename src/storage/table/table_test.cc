// SPDX-License-Identifier: Apache-2.0
//
// Tables against a sorted list: what was written comes back through Find, Cursor and Scan, for any
// shape of entries, block size, codec and filter, with and without a cache.
#include "storage/table/table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/page.h"
#include "storage/table/table_cursor.h"
#include "storage/table/table_format.h"
#include "storage/table/table_index.h"
#include "storage/table/table_scan.h"
#include "storage/table/table_testing.h"

namespace firn {
namespace {

using namespace table_testing;

static_assert(VisibleCursor<Table::Cursor>);

struct Case {
  Shape shape = {};
  Making making = {};
  std::size_t cache_bytes = 1 << 20;
};

std::vector<Case> Cases() {
  constexpr auto kLz4 = Compression::kLz4;
  constexpr auto kZstd = Compression::kZstd;
  return {
      {},
      {.making = {.block_bytes = 100}},
      {.making = {.block_bytes = 100, .compression = kLz4}, .cache_bytes = 0},
      {.shape = {.count = 60, .versions_max = 60}, .making = {.block_bytes = 200}},
      {.shape = {.count = 60, .versions_max = 60},
       .making = {.block_bytes = 200, .compression = kZstd},
       .cache_bytes = 20'000},
      {.shape = {.count = 3, .versions_max = 400}, .making = {.block_bytes = 150}},
      {.shape = {.huge_one_in = 4}, .making = {.bloom_bits_per_key = 0, .compression = kLz4}},
      {.shape = {.key_bytes_min = 16, .key_bytes_max = 16, .alphabet = 256},
       .making = {.compression = kZstd}},
      {.shape = {.count = 30, .key_bytes_max = 65'536, .alphabet = 2},
       .making = {.compression = kLz4}},
      {.shape = {.count = 2000, .prefix = "/users/", .sequences_all_zero = true},
       .making = {.block_bytes = 8192}},
      {.shape = {.tombstone_one_in = 1}},
      {.shape = {.count = 1}},
      {.shape = {.count = 0}},
  };
}

class Tables {
 public:
  explicit Tables(std::size_t cache_bytes) : cache_(std::make_shared<BlockCache>(cache_bytes)) {}

  std::shared_ptr<const Table> Make(const Entries& entries, const Making& making = {}) {
    properties_ = WriteTable(files_, entries, making);
    return Table::Open(files_, making.path, cache_).value();
  }
  const TableProperties& properties() const { return properties_; }
  MemoryFileSystem& files() { return files_; }
  const std::shared_ptr<BlockCache>& cache() const { return cache_; }

 private:
  MemoryFileSystem files_;
  std::shared_ptr<BlockCache> cache_;
  TableProperties properties_;
};

template <typename Check>
void ForEachCase(Check&& check) {
  Random random(23);
  const std::vector<Case> cases = Cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    Tables tables(cases[i].cache_bytes);
    const Entries entries = RandomEntries(random, cases[i].shape);
    check(*tables.Make(entries, cases[i].making), entries, random);
    EXPECT_LE(tables.cache()->used_bytes(), cases[i].cache_bytes);
  }
}

TEST(Table, FindsWhatAReaderSeesAtAnySequence) {
  ForEachCase([](const Table& table, const Entries& entries, Random& random) {
    for (std::size_t i = 0; i < 3000; ++i) {
      std::string key = RandomBytes(random, random.Below(8), 4);
      if (!entries.empty() && !random.OneIn(5)) {
        key = entries[random.Below(entries.size())].key;
        if (random.OneIn(5)) {
          key += '\0';
        }
      }
      const std::uint64_t as_of = random.OneIn(3) ? kSequenceMax.value : random.Below(1100);
      Reading reading;
      ASSERT_EQ(reading.Find(table, key, as_of).value(), Expected(entries, key, as_of));
      ASSERT_LE(reading.trace().blocks_searched, 1u);
    }
  });
}

OwnedEntry At(const Table::Cursor& cursor) {
  const KeyState state = cursor.state();
  return {std::string(cursor.key()), state.sequence.value, state.kind, std::string(state.value)};
}

TEST(TableCursor, WalksBothWaysOverWhatAReaderSees) {
  ForEachCase([](const Table& table, const Entries& entries, Random& random) {
    for (const std::uint64_t as_of : {kSequenceMax.value, random.Below(1000), std::uint64_t{0}}) {
      const Entries visible = Visible(entries, as_of);
      Table::Cursor cursor(table.shared_from_this(), {as_of});
      cursor.SeekToFirst();
      for (const OwnedEntry& want : visible) {
        ASSERT_TRUE(cursor.valid());
        ASSERT_EQ(At(cursor), want);
        cursor.Next();
      }
      ASSERT_FALSE(cursor.valid());
      cursor.SeekToLast();
      for (std::size_t i = visible.size(); i-- > 0;) {
        ASSERT_TRUE(cursor.valid());
        ASSERT_EQ(At(cursor), visible[i]);
        cursor.Prev();
      }
      ASSERT_FALSE(cursor.valid());
      ASSERT_TRUE(cursor.status());
    }
  });
}

// A cursor beside an index into the list, moved at random.
class Walk {
 public:
  Walk(const Table& table, const Entries& visible, std::uint64_t as_of)
      : cursor_(table.shared_from_this(), {as_of}), visible_(visible), at_(visible.size()) {}

  void Seek(const std::string& key) {
    cursor_.Seek(key);
    at_ = Below(key, false);
  }
  void SeekForPrev(const std::string& key) {
    cursor_.SeekForPrev(key);
    at_ = Below(key, true) - 1;
  }
  void Step(bool forward) {
    if (at_ < visible_.size()) {
      forward ? cursor_.Next() : cursor_.Prev();
      at_ += forward ? 1 : std::size_t(-1);
    }
  }
  void RunAhead(const std::string& key) {
    if (at_ >= visible_.size()) {
      return;
    }
    const std::size_t below = Below(key, false);
    const std::size_t forward = cursor_.StepsBefore(key);
    ASSERT_LE(forward, cursor_.StepsForward());
    ASSERT_LE(forward, below > at_ + 1 ? below - at_ - 1 : 0);
    if (cursor_.StepsForward() > forward) {
      ASSERT_EQ(forward, below > at_ + 1 ? below - at_ - 1 : 0);
    }
    const std::size_t above = Below(key, true);
    const std::size_t after = cursor_.StepsAfter(key);
    const std::size_t down_to = cursor_.StepsDownTo(key);
    ASSERT_LE(after, at_ > above ? at_ - above : 0);
    ASSERT_LE(down_to, at_ > below ? at_ - below : 0);
    if (cursor_.StepsBackward() > after) {
      ASSERT_EQ(after, at_ > above ? at_ - above : 0);
    }
    for (std::size_t i = 0; i < forward; ++i, ++at_) {
      cursor_.NextInBlock();
    }
  }
  void ExpectAgreement() {
    ASSERT_EQ(cursor_.valid(), at_ < visible_.size());
    if (cursor_.valid()) {
      ASSERT_EQ(At(cursor_), visible_[at_]);
    }
  }

 private:
  std::size_t Below(const std::string& key, bool or_equal) const {
    std::size_t i = 0;
    while (i < visible_.size() && (visible_[i].key < key || (or_equal && visible_[i].key == key))) {
      ++i;
    }
    return i;
  }

  Table::Cursor cursor_;
  const Entries& visible_;
  std::size_t at_;  // Beyond the end: nowhere.
};

TEST(TableCursor, SeeksAndTurnsAnywhere) {
  ForEachCase([](const Table& table, const Entries& entries, Random& random) {
    for (int reader = 0; reader < 3; ++reader) {
      const std::uint64_t as_of = reader == 0 ? kSequenceMax.value : random.Below(1000);
      const Entries visible = Visible(entries, as_of);
      Walk walk(table, visible, as_of);
      for (int i = 0; i < 800; ++i) {
        std::string key = RandomBytes(random, random.Below(8), 4);
        if (!entries.empty() && random.OneIn(2)) {
          key = entries[random.Below(entries.size())].key;
        }
        switch (random.Below(8)) {
          case 0: walk.Seek(key); break;
          case 1: walk.SeekForPrev(key); break;
          case 2: walk.RunAhead(key); break;
          case 3:
          case 4: walk.Step(false); break;
          default: walk.Step(true); break;
        }
        ASSERT_NO_FATAL_FAILURE(walk.ExpectAgreement());
      }
    }
  });
}

TEST(TableScan, GivesEveryVersionInOrder) {
  ForEachCase([](const Table& table, const Entries& entries, Random& random) {
    Table::Scan scan(table.shared_from_this());
    for (const OwnedEntry& want : entries) {
      ASSERT_TRUE(scan.valid());
      const Entry& got = scan.entry();
      ASSERT_EQ(
          (OwnedEntry{std::string(got.key), got.sequence.value, got.kind, std::string(got.value)}),
          want);
      scan.Next();
    }
    ASSERT_FALSE(scan.valid());
    ASSERT_TRUE(scan.status());
    if (!entries.empty()) {
      const std::string& key = entries[random.Below(entries.size())].key;
      scan.Seek(key);
      ASSERT_TRUE(scan.valid());
      EXPECT_EQ(scan.entry().key, key);
      EXPECT_EQ(scan.entry().sequence.value, Expected(entries, key, kSequenceMax.value)->sequence);
      scan.Seek(entries.back().key + "\xff");
      EXPECT_FALSE(scan.valid());
    }
  });
}

TEST(Table, VerifiesWhatTheWriterWrote) {
  ForEachCase([](const Table& table, const Entries& entries, Random&) {
    const auto bytes = table.Verify();
    ASSERT_TRUE(bytes) << bytes.error().Describe();
    EXPECT_EQ(*bytes > 0, !entries.empty());
  });
}

TEST(Table, DescribesItself) {
  Tables tables(1 << 20);
  const Entries entries = {{"apple", 9, Kind::kPut, "red"},
                           {"apple", 4, Kind::kDelete, ""},
                           {"pear", 7, Kind::kPut, "green"}};
  const auto table = tables.Make(entries, {.path = "/L0_001.sst"});
  const TableProperties& about = table->properties();
  EXPECT_EQ(about, tables.properties());
  EXPECT_EQ(about.entry_count, 3u);
  EXPECT_EQ(about.tombstone_count, 1u);
  EXPECT_EQ(about.key_bytes, 14u);
  EXPECT_EQ(about.value_bytes, 8u);
  EXPECT_EQ(about.block_count, 1u);
  EXPECT_EQ(about.filter_bits, 512u);
  EXPECT_EQ(about.file_bytes, ReadFile(tables.files(), "/L0_001.sst").size());
  EXPECT_EQ(about.smallest_sequence.value, 4u);
  EXPECT_EQ(about.largest_sequence.value, 9u);
  EXPECT_EQ(about.smallest_key, "apple");
  EXPECT_EQ(about.largest_key, "pear");
  EXPECT_EQ(table->name(), "L0_001.sst");
  EXPECT_EQ(table->creation(), 7u);
  EXPECT_GT(table->resident_bytes(), 64u);
}

TEST(Table, MayBeEmpty) {
  Tables tables(1 << 20);
  const auto table = tables.Make({});
  EXPECT_EQ(table->properties().entry_count, 0u);
  EXPECT_EQ(Reading().Find(*table, "").value(), std::nullopt);
  Table::Cursor cursor(table, kSequenceMax);
  cursor.SeekForPrev("a");
  EXPECT_FALSE(cursor.valid());
  EXPECT_FALSE(Table::Scan(table).valid());
}

TEST(Table, ReadsABlockOnceAndThenFromTheCache) {
  Tables tables(1 << 20);
  Random random(3);
  const Entries entries = RandomEntries(random, {});
  const auto table = tables.Make(entries);
  TableCounters& counters = tables.cache()->counters();
  Reading cold;
  cold.Find(*table, entries[0].key).value();
  EXPECT_EQ(cold.trace().file_reads, 1u);
  EXPECT_FALSE(cold.scope().in_epoch());
  Reading warm;
  warm.Find(*table, entries[0].key).value();
  EXPECT_EQ(warm.trace().file_reads, 0u);
  EXPECT_TRUE(warm.scope().in_epoch());
  EXPECT_TRUE(warm.scope().block());
  EXPECT_EQ(counters.Sum(TableCounter::kCacheMisses), 1u);
  EXPECT_EQ(counters.Sum(TableCounter::kCacheHits), 1u);
  EXPECT_EQ(counters.Sum(TableCounter::kBlocksSearched), 2u);
  EXPECT_EQ(counters.Sum(TableCounter::kFilterChecks), 2u);
}

TEST(Table, KeepsWhatItReadOutOfTheCacheWhenToldTo) {
  Tables tables(1 << 20);
  Random random(3);
  const Entries entries = RandomEntries(random, {});
  const auto table = tables.Make(entries);
  Reading reading;
  reading.scope().SetFillCache(false);
  EXPECT_EQ(reading.Find(*table, entries[5].key).value(),
            Expected(entries, entries[5].key, kSequenceMax.value));
  Table::Cursor cursor(table, kSequenceMax, false);
  for (cursor.SeekToFirst(); cursor.valid(); cursor.Next()) {
  }
  Table::Scan scan(table);
  EXPECT_EQ(tables.cache()->used_bytes(), 0u);
}

TEST(Table, LeavesAValueReadableAfterItIsGoneFromTheCache) {
  Tables tables(1 << 20);
  Random random(3);
  const Entries entries = RandomEntries(random, {.tombstone_one_in = 0});
  auto table = tables.Make(entries);
  Reading().Find(*table, entries[7].key).value();
  auto owner = std::make_shared<Owner>();
  ReadScope scope;
  scope.SetOwner(owner.get());
  TableReadTrace trace;
  const Found found = table->Find(Lookup(entries[7].key, kSequenceMax), scope, trace).value();
  ASSERT_TRUE(found);
  auto pinned = scope.block();
  scope.LeaveEpoch();
  tables.cache()->SetCapacity(0);
  table.reset();
  CollectEpochs();
  EXPECT_EQ(found->value, entries[7].value);
}

TEST(TableCursor, ReadsAheadInBothDirections) {
  Tables tables(std::size_t{256} << 20);  // How far ahead follows from the size of the cache.
  Random random(3);
  const auto table = tables.Make(RandomEntries(random, {.count = 20'000, .key_bytes_max = 30}));
  const std::uint64_t blocks = table->properties().block_count;
  ASSERT_GT(blocks, 300u);
  TableCounters& counters = tables.cache()->counters();
  auto reads = [&] { return counters.Sum(TableCounter::kFileReads); };
  const std::uint64_t before = reads();
  Table::Cursor cursor(table, kSequenceMax, /*fill_cache=*/false);
  for (cursor.SeekToFirst(); cursor.valid(); cursor.Next()) {
  }
  const std::uint64_t forward = reads() - before;
  for (cursor.SeekToLast(); cursor.valid(); cursor.Prev()) {
  }
  const std::uint64_t backward = reads() - before - forward;
  EXPECT_LT(forward, 5 + blocks / 20);
  EXPECT_LT(backward, 5 + blocks / 20);
}

TEST(TableWriter, DeletesAnAbandonedFile) {
  MemoryFileSystem files;
  auto writer = TableWriter::Create({.files = files, .path = "/t.sst"}).value();
  writer->Add({"a", {1}, Kind::kPut, "x"}).value();
  writer->Abandon();
  EXPECT_EQ(files.OpenReadable("/t.sst").error().code, ErrorCode::kNotFound);
  {
    auto dropped = TableWriter::Create({.files = files, .path = "/t.sst"}).value();
  }
  EXPECT_EQ(files.OpenReadable("/t.sst").error().code, ErrorCode::kNotFound);
}

TEST(TableWriter, EstimatesTheSizeOfTheFile) {
  MemoryFileSystem files;
  Random random(3);
  auto writer =
      TableWriter::Create({.files = files, .path = "/t.sst", .compression = Compression::kNone})
          .value();
  for (const OwnedEntry& entry : RandomEntries(random, {.count = 5000, .key_bytes_max = 16})) {
    writer->Add(entry.view()).value();
  }
  const auto estimated = static_cast<double>(writer->estimated_file_bytes());
  const auto actual = static_cast<double>(writer->Finish().value().file_bytes);
  EXPECT_NEAR(estimated / actual, 1.0, 0.1);
}

// Where the blocks of a file lie.
std::vector<table_format::BlockExtent> BlocksOf(const std::string& file) {
  const std::uint64_t footer_at = file.size() - table_format::kFooterBytes;
  const auto footer =
      table_format::ParseFooter(std::string_view(file).substr(footer_at), footer_at).value();
  auto content = [&](const table_format::Extent& extent) {
    return std::string_view(file).substr(extent.offset,
                                         extent.stored_bytes - table_format::kTrailerBytes);
  };
  const auto description = table_format::ParseDescription(content(footer.properties)).value();
  const auto index =
      TableIndex::Parse(content(description.index), description.filter.offset).value();
  std::vector<table_format::BlockExtent> blocks;
  for (std::uint32_t i = 0; i < index.block_count(); ++i) {
    blocks.push_back(index.extent(i));
  }
  return blocks;
}

struct ValuesCase {
  std::size_t value_bytes;
  bool compressible;
  Compression compression;
  bool aligned;
};

TEST(TableWriter, EndsBlocksWithPagesUnlessTheyShrinkOrThatWastesSpace) {
  for (const auto& [value_bytes, compressible, compression, aligned] :
       std::vector<ValuesCase>{{400, false, Compression::kNone, true},
                               {100, true, Compression::kNone, true},
                               {400, false, Compression::kLz4, true},
                               {400, true, Compression::kLz4, false},
                               {3000, false, Compression::kNone, false},     // Every other one.
                               {9000, false, Compression::kNone, false}}) {  // Each stands alone.
    SCOPED_TRACE(testing::Message() << value_bytes << " " << compressible << " " << aligned);
    Random random(value_bytes);
    Tables tables(1 << 20);
    Entries entries;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      entries.push_back({"key" + std::to_string(100'000 + i), random.Below(1 << 20), Kind::kPut,
                         RandomBytes(random, value_bytes, compressible ? 2 : 256)});
    }
    const auto table =
        tables.Make(entries, {.block_bytes = std::size_t{8} << 10, .compression = compression});
    EXPECT_GT(table->Verify().value(), 0u);
    const std::string file = ReadFile(tables.files(), Making().path);
    const auto blocks = BlocksOf(file);
    std::size_t at_pages = 0;
    std::size_t pages = 0;
    for (const auto& block : blocks) {
      at_pages += block.offset % kPageBytes == 0 ? 1 : 0;
      pages += (block.end() + kPageBytes - 1) / kPageBytes - block.offset / kPageBytes;
    }
    if (aligned) {
      EXPECT_GE(at_pages + 2, blocks.size());
      EXPECT_LE(pages, 2 * blocks.size() + 2);
    } else {
      EXPECT_LE(at_pages, blocks.size() * 6 / 10);
    }
    EXPECT_LE(blocks.back().end(), (value_bytes + 30) * entries.size() * 17 / 16);
  }
}

TEST(TableWriterDeathTest, RefusesEntriesOutOfOrder) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  MemoryFileSystem files;
  auto writer = TableWriter::Create({.files = files, .path = "/t.sst"}).value();
  writer->Add({"b", {5}, Kind::kPut, ""}).value();
  EXPECT_DEATH(static_cast<void>(writer->Add({"a", {6}, Kind::kPut, ""})), "order");
  EXPECT_DEATH(static_cast<void>(writer->Add({"b", {5}, Kind::kPut, ""})), "order");
}

}  // namespace
}  // namespace firn
