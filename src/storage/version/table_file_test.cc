// SPDX-License-Identifier: Apache-2.0
#include "storage/version/table_file.h"

#include <gtest/gtest.h>

#include "io/memory_file_system.h"
#include "storage/table/table_writer.h"

namespace firn {
namespace {

class TableFileTest : public testing::Test {
 protected:
  // A table of one entry under its name.
  TableMeta Write(std::uint64_t number, const std::string& key) {
    const TableName name{.birth_level = 0, .number = {number}};
    auto writer = TableWriter::Create({.files = *files_,
                                       .path = directory_->PathOf(name),
                                       .table_id = 100 + number,
                                       .creation = number})
                      .value();
    writer->Add({.key = key, .sequence = {number}, .kind = Kind::kPut, .value = "value"}).value();
    return {.name = name, .properties = writer->Finish().value()};
  }

  void PutInPlaceOf(const TableMeta& victim, const TableMeta& other) {
    files_->SetContent(directory_->PathOf(victim.name),
                       ReadWholeFile(*files_, directory_->PathOf(other.name)).value());
  }

  const std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  const std::shared_ptr<TableDirectory> directory_ =
      std::make_shared<TableDirectory>(files_, "/", std::make_shared<BlockCache>(1 << 20));
};

TEST_F(TableFileTest, OpensTheTableThatTheManifestMeans) {
  const TableFile file(Write(1, "a"), directory_);
  ASSERT_TRUE(file.Open().has_value()) << file.Open().error().Describe();
  EXPECT_EQ(file.opened()->properties().smallest_key, "a");
}

// Found by the tests of damage: two tables of level 0 were exchanged, and reads gave the older
// value of a key that is in both.
TEST_F(TableFileTest, RefusesAnIntactTableUnderTheNameOfAnother) {
  const TableMeta older = Write(1, "a");
  const TableMeta newer = Write(2, "a");
  PutInPlaceOf(newer, older);
  const TableFile file(newer, directory_);
  const auto opened = file.Open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(
      opened.error().Describe(),
      "corruption: table L0_002.sst: the file holds number 1 with 1 entries of sequences 1 to "
      "1, the manifest means number 2 with 1 entries of sequences 2 to 2");
  EXPECT_EQ(file.opened(), nullptr);
}

TEST_F(TableFileTest, RefusesATableOfAnotherDatabaseThatHasTheSameNumber) {
  TableMeta meta = Write(1, "a");
  meta.properties.largest_key = "b";
  EXPECT_FALSE(TableFile(meta, directory_).Open().has_value());
}

}  // namespace
}  // namespace firn
