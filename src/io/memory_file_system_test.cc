// SPDX-License-Identifier: Apache-2.0
#include "io/memory_file_system.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "io/faulty_file_system.h"

namespace firn {
namespace {

void Append(FileSystem& files, const std::string& path, std::string_view bytes, bool sync) {
  auto file = files.CreateAppendable(path).value();
  file->Append(bytes).value();
  (sync ? file->Sync() : file->Close()).value();
}

void Store(LogFile& log, std::uint64_t offset, std::string_view bytes, bool commit = true) {
  std::memcpy(log.Lend(offset, bytes.size()).value().data(), bytes.data(), bytes.size());
  if (commit) {
    log.Commit(offset, bytes.size()).value();
  }
}

class MemoryFiles : public ::testing::Test {
 protected:
  MemoryFiles() { files_->CreateDirectory("/db").value(); }
  std::string Content(FileSystem& files, const std::string& path) {
    return ReadWholeFile(files, path).value();
  }

  std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  Random random_{1};
};

TEST_F(MemoryFiles, BehaveAsFilesDo) {
  Append(*files_, "/db/t", "hello", true);
  EXPECT_EQ(Content(*files_, "/db/t"), "hello");
  EXPECT_EQ(files_->CreateAppendable("/db/t").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(files_->OpenReadable("/db/u").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(files_->OpenReadable("/nowhere/u").error().code, ErrorCode::kNotFound);
  files_->Link("/db/t", "/db/a").value();
  files_->CreateDirectory("/db/sub").value();
  EXPECT_EQ(files_->List("/db").value(), (std::vector<std::string>{"a", "sub", "t"}));
  files_->Delete("/db/t").value();
  EXPECT_EQ(Content(*files_, "/db/a"), "hello");
  EXPECT_FALSE(files_->DeleteDirectory("/db").has_value());
  auto held = files_->Lock("/db/LOCK").value();
  EXPECT_EQ(files_->Lock("/db/LOCK").error().code, ErrorCode::kBusy);
  held.reset();
  EXPECT_TRUE(files_->Lock("/db/LOCK").has_value());
  files_->SetFreeBytes(7);
  EXPECT_EQ(files_->FreeBytes("/db").value(), 7u);
}

TEST_F(MemoryFiles, AKillLeavesWhatReachedTheKernel) {
  Append(*files_, "/db/closed", "closed", false);
  auto buffered = files_->CreateAppendable("/db/buffered").value();
  buffered->Append("still in the process").value();
  auto mapped = files_->CreateLog("/db/m", 4096, WalAppend::kMapped).value();
  Store(*mapped, 0, "stored", false);
  auto written = files_->CreateLog("/db/w", 4096, WalAppend::kWrite).value();
  Store(*written, 0, "yes");
  Store(*written, 3, "no", false);

  auto clone = files_->CloneAfterKill();
  EXPECT_EQ(Content(*clone, "/db/closed"), "closed");
  EXPECT_EQ(Content(*clone, "/db/buffered"), "");
  EXPECT_EQ(Content(*clone, "/db/m").substr(0, 7), std::string("stored\0", 7));
  EXPECT_EQ(Content(*clone, "/db/w").substr(0, 5), std::string("yes\0\0", 5));

  Store(*mapped, 0, "MOVED!");
  EXPECT_EQ(Content(*clone, "/db/m").substr(0, 6), "stored");
  auto worst = clone->CloneAfterPowerLoss(random_, 0);
  EXPECT_EQ(worst->List("/db").value(), std::vector<std::string>{}) << "a kill synced something";
}

TEST_F(MemoryFiles, APowerLossAtItsWorstLeavesExactlyWhatWasSynced) {
  auto file = files_->CreateAppendable("/db/t").value();
  file->Append("synced").value();
  file->Sync().value();
  file->Append(" and not").value();
  file->Close().value();
  Append(*files_, "/db/nameless", "synced without a name", true);
  files_->Delete("/db/nameless").value();
  files_->SyncDirectory("/db").value();
  Append(*files_, "/db/late", "content synced, name not", true);
  auto clone = files_->CloneAfterPowerLoss(random_, 0);
  EXPECT_EQ(clone->List("/db").value(), std::vector<std::string>{"t"});
  EXPECT_EQ(Content(*clone, "/db/t"), "synced");
  EXPECT_EQ(Content(*files_, "/db/t"), "synced and not");
}

TEST_F(MemoryFiles, APowerLossAtItsBestLosesNothing) {
  Append(*files_, "/db/t", std::string(10000, 'x'), false);
  auto log = files_->CreateLog("/db/m", 1 << 16, WalAppend::kMapped).value();
  Store(*log, 5000, "stored");
  auto clone = files_->CloneAfterPowerLoss(random_, 100);
  EXPECT_EQ(Content(*clone, "/db/t"), std::string(10000, 'x'));
  EXPECT_EQ(Content(*clone, "/db/m"), Content(*files_, "/db/m"));
}

TEST_F(MemoryFiles, UnsyncedPagesSurviveIndependently) {
  std::string content;
  for (char page = 'a'; page < 'd'; ++page) {
    content.append(4096, page);
  }
  auto file = files_->CreateAppendable("/db/t").value();
  files_->SyncDirectory("/db").value();
  file->Append(content).value();
  file->Close().value();
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) {
    const std::string left = Content(*files_->CloneAfterPowerLoss(random_, 50), "/db/t");
    ASSERT_EQ(left.size() % 4096, 0u);
    std::string pages;
    for (std::size_t at = 0; at < left.size(); at += 4096) {
      ASSERT_EQ(left.substr(at, 4096), std::string(4096, left[at]));
      pages += left[at] == 0 ? '-' : left[at];
    }
    seen.insert(pages);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "a", "-b", "ab", "--c", "a-c", "-bc", "abc"}));
}

TEST_F(MemoryFiles, WordsOfAMappedLogSurviveIndependentlyAndSyncedOnesAlways) {
  auto log = files_->CreateLog("/db/m", 8192, WalAppend::kMapped).value();
  Store(*log, 0, "SYNCED!!");
  log->Sync().value();
  files_->SyncDirectory("/db").value();
  Store(*log, 8, "word one");
  Store(*log, 16, "word two");
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string left = Content(*files_->CloneAfterPowerLoss(random_, 50), "/db/m");
    ASSERT_EQ(left.size(), 8192u);
    ASSERT_EQ(left.substr(0, 8), "SYNCED!!");
    seen.insert({left[8], left[16]});
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(MemoryFiles, ASyncDoesNotCoverWhatIsStillBeingStored) {
  auto log = files_->CreateLog("/db/m", 8192, WalAppend::kMapped).value();
  files_->SyncDirectory("/db").value();
  auto lent = log->Lend(0, 16).value();
  std::memcpy(lent.data(), "firstone", 8);
  log->Sync().value();
  std::memcpy(lent.data() + 8, "later on", 8);
  log->Commit(0, 16).value();
  const std::string left = Content(*files_->CloneAfterPowerLoss(random_, 0), "/db/m");
  EXPECT_EQ(left.substr(0, 16), std::string("firstone\0\0\0\0\0\0\0\0", 16));
}

TEST_F(MemoryFiles, ChangesOfNamesSurviveIndependently) {
  Append(*files_, "/db/old", "1", true);
  files_->CreateLog("/db/1", 4096, WalAppend::kMapped).value()->Sync().value();
  files_->SyncDirectory("/db").value();
  Append(*files_, "/db/new", "2", true);
  files_->Delete("/db/old").value();
  files_->RecycleLog("/db/1", "/db/2", 4096, WalAppend::kMapped).value();
  std::set<std::vector<std::string>> seen;
  for (int i = 0; i < 300; ++i) {
    seen.insert(files_->CloneAfterPowerLoss(random_, 50)->List("/db").value());
  }
  EXPECT_EQ(seen.size(), 8u);
  EXPECT_FALSE(seen.contains({"1", "2"})) << "a rename happened by half";
}

TEST_F(MemoryFiles, ARecycledLogHoldsZerosUnderEitherName) {
  auto log = files_->CreateLog("/db/1", 4096, WalAppend::kWrite).value();
  Store(*log, 0, "old");
  log->Sync().value();
  files_->SyncDirectory("/db").value();
  files_->RecycleLog("/db/1", "/db/2", 8192, WalAppend::kWrite).value();
  for (unsigned percent : {0u, 100u}) {
    auto clone = files_->CloneAfterPowerLoss(random_, percent);
    EXPECT_EQ(Content(*clone, percent == 0 ? "/db/1" : "/db/2"), std::string(8192, '\0'));
  }
}

TEST_F(MemoryFiles, LinkedNamesStayOneFileInAClone) {
  auto file = files_->OpenSlotted("/db/a").value();
  files_->Link("/db/a", "/db/b").value();
  auto clone = files_->CloneAfterKill();
  clone->OpenSlotted("/db/a").value()->Write(0, "x").value();
  EXPECT_EQ(Content(*clone, "/db/b"), "x");
  EXPECT_EQ(Content(*files_, "/db/b"), "");
}

class FaultyFiles : public MemoryFiles {
 protected:
  FaultyFileSystem faulty_{files_};
};

TEST_F(FaultyFiles, TheNthMatchingOperationFailsOnce) {
  faulty_.Plant({.kind = OperationKind::kSync, .name_part = ".sst", .nth = 2});
  auto table = faulty_.CreateAppendable("/db/1.sst").value();
  auto other = faulty_.OpenSlotted("/db/SUPER").value();
  EXPECT_TRUE(other->Sync().has_value());
  EXPECT_TRUE(table->Sync().has_value());
  const auto failed = table->Sync();
  EXPECT_EQ(failed.error(), (Error{ErrorCode::kIo, "sync /db/1.sst: planted fault"}));
  EXPECT_EQ(table->Append("x").error(), failed.error()) << "an appendable keeps its first error";
  EXPECT_TRUE(faulty_.CreateAppendable("/db/2.sst").value()->Sync().has_value());
  EXPECT_EQ(faulty_.Count(OperationKind::kSync), 4u);
  EXPECT_EQ(faulty_.faults_hit(), 1u);
}

TEST_F(FaultyFiles, EveryKindOfOperationCanFail) {
  Append(*files_, "/db/t", "content", true);
  auto log = faulty_.CreateLog("/db/1.wal", 4096, WalAppend::kWrite).value();
  auto slotted = faulty_.OpenSlotted("/db/SUPER").value();
  auto readable = faulty_.OpenReadable("/db/t").value();
  const std::map<OperationKind, std::function<bool()>> attempts = {
      {OperationKind::kOpen, [&] { return faulty_.OpenReadable("/db/t").has_value(); }},
      {OperationKind::kCreate, [&] { return faulty_.CreateAppendable("/db/c").has_value(); }},
      {OperationKind::kAllocate,
       [&] { return faulty_.CreateLog("/db/2.wal", 4096, WalAppend::kAuto).has_value(); }},
      {OperationKind::kRead, [&] { return readable->Size().has_value(); }},
      {OperationKind::kWrite, [&] { return slotted->Write(0, "x").has_value(); }},
      {OperationKind::kLend, [&] { return log->Lend(0, 8).has_value(); }},
      {OperationKind::kCommit, [&] { return log->Lend(0, 8) && log->Commit(0, 8).has_value(); }},
      {OperationKind::kSync, [&] { return log->Sync().has_value(); }},
      {OperationKind::kSyncDirectory, [&] { return faulty_.SyncDirectory("/db").has_value(); }},
      {OperationKind::kDelete, [&] { return faulty_.Delete("/db/t").has_value(); }},
      {OperationKind::kLink, [&] { return faulty_.Link("/db/t", "/db/l").has_value(); }},
      {OperationKind::kRename,
       [&] {
         return faulty_.RecycleLog("/db/1.wal", "/db/3.wal", 4096, WalAppend::kAuto).has_value();
       }},
      {OperationKind::kList, [&] { return faulty_.List("/db").has_value(); }},
      {OperationKind::kLock, [&] { return faulty_.Lock("/db/LOCK").has_value(); }},
  };
  for (const auto& [kind, attempt] : attempts) {
    faulty_.Plant({.kind = kind});
    EXPECT_FALSE(attempt()) << Name(kind);
  }
  for (const auto& [kind, attempt] : attempts) {
    if (kind != OperationKind::kDelete && kind != OperationKind::kRename) {
      EXPECT_TRUE(attempt()) << Name(kind) << " did not heal";
    }
  }
  EXPECT_EQ(faulty_.faults_hit(), attempts.size());
}

TEST_F(FaultyFiles, AFailedSyncCanLoseBytesThatReadersStillSee) {
  auto log = faulty_.CreateLog("/db/1.wal", 8192, WalAppend::kMapped).value();
  log->Sync().value();
  faulty_.SyncDirectory("/db").value();
  Store(*log, 0, "lost");
  faulty_.Plant({.kind = OperationKind::kSync, .drops_unsynced = true});
  EXPECT_FALSE(log->Sync().has_value());
  Store(*log, 4096, "kept");
  log->Sync().value();
  EXPECT_EQ(Content(*files_, "/db/1.wal").substr(0, 4), "lost");
  const std::string left = Content(*files_->CloneAfterPowerLoss(random_, 100), "/db/1.wal");
  EXPECT_EQ(left.substr(0, 4), std::string(4, '\0'));
  EXPECT_EQ(left.substr(4096, 4), "kept");
}

TEST_F(FaultyFiles, AQuotaHealsWhenRaisedOrWhenFilesGo) {
  faulty_.SetQuota(10000);
  auto log = faulty_.CreateLog("/db/1.wal", 8192, WalAppend::kAuto).value();
  EXPECT_EQ(faulty_.FreeBytes("/db").value(), 10000u - 8192u);
  EXPECT_EQ(faulty_.CreateLog("/db/2.wal", 8192, WalAppend::kAuto).error().code,
            ErrorCode::kNoSpace);
  EXPECT_EQ(files_->OpenReadable("/db/2.wal").error().code, ErrorCode::kNotFound);
  faulty_.Link("/db/1.wal", "/db/also").value();
  faulty_.Delete("/db/1.wal").value();
  EXPECT_FALSE(faulty_.CreateLog("/db/2.wal", 8192, WalAppend::kAuto).has_value());
  faulty_.Delete("/db/also").value();
  EXPECT_TRUE(faulty_.CreateLog("/db/2.wal", 8192, WalAppend::kAuto).has_value());
  faulty_.SetQuota(20000);
  EXPECT_TRUE(faulty_.CreateLog("/db/3.wal", 8192, WalAppend::kAuto).has_value());
}

TEST_F(FaultyFiles, OpenFilesAreLimited) {
  faulty_.SetOpenLimit(2);
  auto a = faulty_.OpenSlotted("/db/a").value();
  auto b = faulty_.OpenSlotted("/db/b").value();
  EXPECT_EQ(faulty_.OpenReadable("/db/a").error().context, "open /db/a: too many open files");
  b.reset();
  EXPECT_TRUE(faulty_.OpenReadable("/db/a").has_value());
  EXPECT_EQ(faulty_.open_files(), 1u);
}

TEST_F(FaultyFiles, AFailingWriteCanBeDoneByHalf) {
  faulty_.Plant({.kind = OperationKind::kWrite, .code = ErrorCode::kNoSpace, .half_done = true});
  auto file = faulty_.CreateAppendable("/db/t").value();
  EXPECT_EQ(file->Append("12345678").error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(Content(*files_, "/db/t"), "1234");
}

TEST_F(FaultyFiles, TheHookSeesEachOperationBeforeItHappens) {
  std::vector<std::string> seen;
  faulty_.SetHook([&](const Operation& operation) {
    seen.push_back(std::string(Name(operation.kind)) + " " + operation.path + " " +
                   std::to_string(files_->List("/db")->size()));
  });
  auto log = faulty_.CreateLog("/db/1", 4096, WalAppend::kAuto).value();
  log->Sync().value();
  faulty_.Delete("/db/1").value();
  EXPECT_EQ(seen, (std::vector<std::string>{"allocate /db/1 0", "sync /db/1 1", "delete /db/1 1"}));
}

}  // namespace
}  // namespace firn
