// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/job.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/propagate.h"
#include "io/memory_file_system.h"
#include "storage/table/table_scan.h"

namespace firn {
namespace {

constexpr int kKeys = 8000;

std::string KeyOf(int number) {
  std::string digits = std::to_string(number);
  return "key" + std::string(6 - digits.size(), '0') + digits;
}

// Tables in memory; what compactions make of them is put into effect here.
class JobTest : public testing::Test {
 protected:
  struct Stretch {
    int first = 0;
    int end = kKeys;
    int step = 1;
    Kind kind = Kind::kPut;
  };

  JobTest() {
    options_.table_bytes = 16 << 10;
    options_.block_bytes = 1 << 10;
    options_.compression = Compression::kNone;
    catalog_->StartManifest().value();
  }

  // A table of level 0 with newer versions of these keys.
  void Flush(const Stretch& keys) {
    const std::string value = keys.kind == Kind::kPut ? std::string(20, 'v') : "";
    TableOutput output(setup_);
    output.Begin(0, kKeys).value();
    for (int i = keys.first; i < keys.end; i += keys.step) {
      const std::string key = KeyOf(i);
      output.Add({.key = key, .sequence = {++last_sequence_}, .kind = keys.kind, .value = value})
          .value();
      newest_[key] = keys.kind == Kind::kPut ? last_sequence_ : 0;
    }
    VersionEdit edit;
    edit.added.push_back({.level = 0, .table = output.Finish().value()});
    Install(edit).value();
  }

  Result<void> Install(const VersionEdit& edit) {
    const std::shared_ptr<const Version> before = catalog_->version();
    FIRN_TRY(catalog_->Log(edit));
    for (const VersionEdit::Removed& removed : edit.removed) {
      for (const auto& table : before->tables(removed.level)) {
        if (table->meta().name == removed.table) {
          table->MarkRemoved();
        }
      }
    }
    return {};
  }

  // Parts from `failing` on cannot be put into effect.
  Result<void> MergeLevel0(int failing = INT_MAX) {
    std::optional<CompactionPlan> plan = PlanLevel(*catalog_->version(), 0);
    parts_ = 0;
    CompactionSetup setup{.output = setup_,
                          .directory = "/",
                          .version = catalog_->version(),
                          .readers = {{last_sequence_}},
                          .read_memory_bytes = 1 << 20,
                          .pause = [] { return Result<void>(); },
                          .install = [this, failing](const VersionEdit& part) -> Result<void> {
                            if (++parts_ >= failing) {
                              return Error{ErrorCode::kNoSpace, "no space for the edit"};
                            }
                            EXPECT_FALSE(part.removed.empty());
                            FIRN_TRY(Install(part));
                            Check();
                            return {};
                          }};
    FIRN_TRY_ASSIGN(const CompactionOutcome outcome,
                    RunCompaction(*std::exchange(plan, std::nullopt), std::move(setup)));
    FIRN_TRY(Install(outcome.edit));
    Check();
    return {};
  }

  // Whoever reads from the newest table on finds what was put last. Notes how many files there are.
  void Check() {
    tables_->DeleteNoted().value();
    files_max_ = std::max(files_max_, TableFiles());
    ASSERT_TRUE(catalog_->version()->CheckInvariants());
    std::map<std::string, std::uint64_t> found;
    for (int level = 0; level < kLevelCount; ++level) {
      for (const auto& file : catalog_->version()->tables(level)) {
        for (Table::Scan scan(file->Open().value()); scan.valid(); scan.Next()) {
          const Entry& entry = scan.entry();
          found.try_emplace(std::string(entry.key),
                            entry.kind == Kind::kPut ? entry.sequence.value : 0);
        }
      }
    }
    for (const auto& [key, sequence] : newest_) {
      ASSERT_EQ(found.contains(key) ? found[key] : 0, sequence) << key;
    }
  }

  std::size_t TableFiles() const {
    const std::vector<std::string> names = files_->List("/").value();
    return static_cast<std::size_t>(std::ranges::count_if(
        names, [](const std::string& name) { return ParseTableName(name).has_value(); }));
  }
  std::uint64_t EntriesOfLevel1() const {
    std::uint64_t entries = 0;
    for (const auto& table : catalog_->version()->tables(1)) {
      entries += table->meta().properties.entry_count;
    }
    return entries;
  }

  const std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  const std::shared_ptr<TableDirectory> tables_ =
      std::make_shared<TableDirectory>(files_, "/", std::make_shared<BlockCache>(1 << 20));
  const std::unique_ptr<Catalog> catalog_ = Catalog::Fresh(files_, "/", tables_);
  Options options_;
  const TableOutput::Setup setup_{
      .files = *files_, .tables = *tables_, .catalog = *catalog_, .options = options_};
  std::map<std::string, std::uint64_t> newest_;  // Sequences, 0 for what was deleted.
  std::uint64_t last_sequence_ = 0;
  int parts_ = 0;
  std::size_t files_max_ = 0;
};

TEST_F(JobTest, WithoutALevelOneNothingIsReplaced) {
  Flush({});
  MergeLevel0().value();
  EXPECT_EQ(parts_, 0);
  EXPECT_GE(catalog_->version()->tables(1).size(), 14u);
}

TEST_F(JobTest, LevelOneIsReplacedPartByPartAndItsFilesGo) {
  Flush({});
  MergeLevel0().value();
  const std::size_t before = catalog_->version()->tables(1).size();
  Flush({.step = 2});
  Flush({.first = 1, .step = 4});
  files_max_ = 0;
  MergeLevel0().value();
  EXPECT_GE(parts_, 3);
  EXPECT_EQ(EntriesOfLevel1(), std::uint64_t{kKeys});
  // Two tables of level 0, level 1 once, and a few more.
  EXPECT_LE(files_max_, 2 + before + 5);
}

TEST_F(JobTest, LevelZeroHidesWhatIsDeletedUntilTheEnd) {
  Flush({});
  MergeLevel0().value();
  Flush({.first = 1000, .end = 7000, .kind = Kind::kDelete});
  Flush({.first = 2000, .end = 5000, .step = 3});
  MergeLevel0().value();
  EXPECT_GE(parts_, 1);
  EXPECT_EQ(EntriesOfLevel1(), 2000u + 1000u);
}

TEST_F(JobTest, WhatAFailedMergeHasDoneStaysAndTheNextOneEndsIt) {
  Flush({});
  MergeLevel0().value();
  Flush({.step = 3});
  Flush({.first = 700, .end = 6200, .step = 2, .kind = Kind::kDelete});
  const Result<void> failed = MergeLevel0(3);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(parts_, 3);
  Check();
  EXPECT_EQ(catalog_->version()->level0_newest_first().size(), 2u);

  Flush({.first = 5, .end = 3900, .step = 7});
  MergeLevel0().value();
  EXPECT_TRUE(catalog_->version()->level0_newest_first().empty());
  const auto live = std::ranges::count_if(newest_, [](const auto& key) { return key.second != 0; });
  EXPECT_EQ(EntriesOfLevel1(), static_cast<std::uint64_t>(live));
}

}  // namespace
}  // namespace firn
