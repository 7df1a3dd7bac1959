// SPDX-License-Identifier: Apache-2.0
#include "storage/version/manifest.h"

#include <gtest/gtest.h>

#include "base/printable.h"
#include "base/random.h"
#include "golden/golden.h"
#include "io/faulty_file_system.h"
#include "io/memory_file_system.h"
#include "storage/version/catalog.h"

namespace firn {
namespace {

TableMeta Meta(std::uint64_t number) {
  TableMeta meta{.name = {.birth_level = 0, .number = {number}}, .properties = {}};
  meta.properties.entry_count = number;
  meta.properties.file_bytes = 100 * number;
  meta.properties.smallest_key = "a";
  meta.properties.largest_key = "k" + std::to_string(number);
  return meta;
}

VersionEdit EditFor(std::uint64_t number) {
  VersionEdit edit;
  edit.added.push_back({.level = 0, .table = Meta(number)});
  edit.last_sequence = SequenceNumber{10 * number};
  edit.min_wal = WalNumber{number};
  edit.applied_index = 7 * number;
  return edit;
}

std::shared_ptr<TableDirectory> Tables(const std::shared_ptr<FileSystem>& files) {
  return std::make_shared<TableDirectory>(files, "/db", nullptr);
}

// A directory in which `edits` were logged.
std::shared_ptr<MemoryFileSystem> Logged(int edits) {
  auto files = std::make_shared<MemoryFileSystem>();
  EXPECT_TRUE(files->CreateDirectory("/db"));
  auto catalog = Catalog::Fresh(files, "/db", Tables(files));
  EXPECT_TRUE(catalog->StartManifest());
  for (int i = 1; i <= edits; ++i) {
    catalog->NoteExisting(TableNumber{static_cast<std::uint64_t>(i)});
    EXPECT_TRUE(catalog->Log(EditFor(static_cast<std::uint64_t>(i))));
  }
  return files;
}

std::string Read(FileSystem& files, const std::string& path) {
  return ReadWholeFile(files, path).value();
}

void Replace(MemoryFileSystem& files, const std::string& path, const std::string& bytes) {
  files.SetContent(path, bytes);
}

TEST(VersionEdit, EveryFieldComesBack) {
  VersionEdit edit = EditFor(3);
  edit.removed.push_back({.level = 2, .table = {.birth_level = 1, .number = {77}}});
  edit.next_table = TableNumber{78};
  edit.replica_state = std::string("\0state", 6);
  const VersionEdit back = DecodeVersionEdit(Encode(edit)).value();
  EXPECT_EQ(Encode(back), Encode(edit));
  EXPECT_EQ(back.removed.at(0).level, 2);
  EXPECT_EQ(back.replica_state, edit.replica_state);
}

TEST(VersionEdit, AnyPrefixOfAnEditIsRefusedOrAWholeFieldShorter) {
  const std::string whole = Encode(EditFor(3));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Result<VersionEdit> edit = DecodeVersionEdit(std::string_view(whole).substr(0, length));
    EXPECT_TRUE(!edit || Encode(*edit).size() == length) << length;
  }
  EXPECT_EQ(DecodeVersionEdit("\x63").error().code, ErrorCode::kUnsupported);
}

TEST(Catalog, RecoversWhatWasLogged) {
  const auto files = Logged(5);
  const auto catalog = Catalog::Recover(files, "/db", Tables(files)).value();
  EXPECT_EQ(catalog->version()->table_count(), 5u);
  EXPECT_EQ(catalog->last_sequence(), SequenceNumber{50});
  EXPECT_EQ(catalog->min_wal(), WalNumber{5});
  EXPECT_EQ(catalog->version()->applied().index, 35u);
  EXPECT_EQ(catalog->NewTableNumber(), TableNumber{6});
}

TEST(Catalog, KnowsWhenTheLogSawAnEditThatItLacks) {
  const auto files = Logged(2);
  const auto catalog = Catalog::Recover(files, "/db", Tables(files)).value();
  EXPECT_TRUE(catalog->RequireDurable({.manifest = {1}, .edit = 3}));
  EXPECT_EQ(catalog->RequireDurable({.manifest = {1}, .edit = 4}).error().context,
            "MANIFEST-000001: ends after 3 edits, but the log was written after edit 4 of "
            "MANIFEST-000001");
}

// Every byte of both files: a recovered state is the right one, or the damage is named.
TEST(Catalog, EveryFlippedByteIsFoundOrHarmless) {
  const auto reference = Logged(4);
  const std::string want =
      Describe(*Catalog::Recover(reference, "/db", Tables(reference)).value()->version());
  int refused = 0;
  for (const char* name : {"SUPER", "MANIFEST-000001"}) {
    const std::string path = JoinPath("/db", name);
    const std::string original = Read(*reference, path);
    for (std::size_t at = 0; at < original.size(); ++at) {
      std::string damaged = original;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
      Replace(*reference, path, damaged);
      const auto catalog = Catalog::Recover(reference, "/db", Tables(reference));
      if (catalog) {
        ASSERT_EQ(Describe(*(*catalog)->version()), want) << path << " @" << at;
      } else {
        ++refused;
        ASSERT_NE(catalog.error().context.find(name), std::string::npos)
            << catalog.error().Describe();
      }
    }
    Replace(*reference, path, original);
  }
  EXPECT_GT(refused, 100);
}

TEST(Catalog, EveryCutOfTheManifestIsFound) {
  const auto files = Logged(4);
  const std::string path = "/db/MANIFEST-000001";
  const std::string original = Read(*files, path);
  for (std::size_t length = 0; length < original.size(); ++length) {
    Replace(*files, path, original.substr(0, length));
    const auto catalog = Catalog::Recover(files, "/db", Tables(files));
    ASSERT_FALSE(catalog.has_value()) << length;
    ASSERT_EQ(catalog.error().code, ErrorCode::kCorruption);
  }
}

TEST(Catalog, ATornTailBeyondTheDurableEditsIsLeftOut) {
  const auto files = Logged(4);
  const std::string path = "/db/MANIFEST-000001";
  const std::string original = Read(*files, path);
  Replace(*files, path, original + EncodeManifestFrame({1}, original.size(), "x").substr(0, 8));
  EXPECT_EQ(Catalog::Recover(files, "/db", Tables(files)).value()->version()->table_count(), 4u);
}

TEST(Catalog, SurvivesPowerLossAtEverySync) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    auto memory = std::make_shared<MemoryFileSystem>();
    auto files = std::make_shared<FaultyFileSystem>(memory);
    ASSERT_TRUE(files->CreateDirectory("/db"));
    std::uint64_t acknowledged = 0;
    auto check = [&] {
      auto clone = memory->CloneAfterPowerLoss(random);
      const auto catalog = Catalog::Recover(clone, "/db", Tables(clone));
      if (!catalog) {
        EXPECT_EQ(acknowledged, 0u) << catalog.error().Describe();
        return;
      }
      const std::uint64_t tables = (*catalog)->version()->table_count();
      EXPECT_TRUE(tables == acknowledged || tables == acknowledged + 1) << tables;
    };
    files->SetHook([&](const Operation&) { check(); });
    auto catalog = Catalog::Fresh(files, "/db", Tables(files));
    ASSERT_TRUE(catalog->StartManifest());
    for (std::uint64_t i = 1; i <= 10; ++i) {
      if (i % 4 == 0) {
        ASSERT_TRUE(catalog->StartManifest());  // As a roll-over does.
      }
      ASSERT_TRUE(catalog->Log(EditFor(i)));
      acknowledged = i;
    }
  }
}

TEST(Super, FallsBackToTheOtherSlot) {
  const auto files = Logged(2);
  std::string bytes = Read(*files, "/db/SUPER");
  const SuperSlot newest = Superblock::Read(*files, "/db").value();
  bytes[newest.generation % 2 * kSuperSlotBytes + 20] ^= 1;
  Replace(*files, "/db/SUPER", bytes);
  EXPECT_EQ(Superblock::Read(*files, "/db").value().generation, newest.generation - 1);
  bytes[(newest.generation + 1) % 2 * kSuperSlotBytes + 20] ^= 1;
  Replace(*files, "/db/SUPER", bytes);
  EXPECT_EQ(Superblock::Read(*files, "/db").error().context,
            "/db/SUPER: neither slot has a right checksum");
}

TEST(ManifestFormat, TheWorkedExamplesOfTheSpecificationHold) {
  VersionEdit edit;
  edit.removed.push_back({.level = 0, .table = {.birth_level = 0, .number = {1}}});
  edit.added.push_back({.level = 1, .table = Meta(2)});
  edit.next_table = TableNumber{3};
  edit.min_wal = WalNumber{4};
  edit.last_sequence = SequenceNumber{300};
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/format/manifest.md",
                  [&](const golden::Command& command) -> std::string {
                    if (command.name == "header") {
                      return golden::HexDump(EncodeManifestHeader({1}));
                    }
                    if (command.name == "frame") {
                      return golden::HexDump(EncodeManifestFrame({1}, 28, Encode(edit)));
                    }
                    if (command.name == "super-slot") {
                      const SuperSlot slot{.generation = 2,
                                           .durable = {.manifest = {1}, .edit = 1}};
                      return golden::HexDump(Encode(slot, 0).substr(0, 48));
                    }
                    return "unknown command";
                  });
}

}  // namespace
}  // namespace firn
