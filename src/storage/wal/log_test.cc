// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "base/page.h"
#include "io/faulty_file_system.h"
#include "io/posix_file_system.h"
#include "io/temporary_directory.h"
#include "storage/wal/log_testing.h"

namespace firn {
namespace {

std::vector<ReplayedRecord> Expected(std::uint64_t count, std::size_t scale = 100) {
  std::vector<ReplayedRecord> records;
  for (std::uint64_t n = 1; n <= count; ++n) {
    records.push_back({n, PayloadOf(n, scale)});
  }
  return records;
}

class LogWays : public ::testing::TestWithParam<WalAppend> {
 protected:
  LogWays() { memory_->CreateDirectory("/db").value(); }

  std::unique_ptr<Log> Make(std::uint64_t segment_bytes = 16 << 10) {
    return MakeLog({.files = faulty_, .way = GetParam(), .segment_bytes = segment_bytes}).value();
  }

  std::shared_ptr<MemoryFileSystem> memory_ = std::make_shared<MemoryFileSystem>();
  FaultyFileSystem faulty_{memory_};
};

TEST_P(LogWays, RecordsComeBackInOrderOverManySegments) {
  auto log = Make();
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    AppendOne(*log, n, PayloadOf(n)).value();
  }
  EXPECT_GT(log->current_segment().value, 4u);
  const Replayed replayed = Replay(*memory_, "/db").value();
  EXPECT_EQ(replayed.records, Expected(1000));
  EXPECT_EQ(replayed.report.records, 1000u);
  EXPECT_EQ(replayed.report.bytes_cut, 0u);
  EXPECT_EQ(replayed.report.largest_segment, log->current_segment());
  EXPECT_EQ(replayed.report.durable_manifest, (ManifestPosition{{7}, 3}));
}

TEST_P(LogWays, PartsAreConcatenatedAndMayBeEmpty) {
  auto log = Make();
  const std::string_view parts[] = {"one", "", " two ", "three"};
  log->Append({5}, parts).value();
  log->Append({6}, {}).value();
  const std::vector<ReplayedRecord> expected = {{5, "one two three"}, {6, ""}};
  EXPECT_EQ(Replay(*memory_, "/db")->records, expected);
}

TEST_P(LogWays, ARecordLargerThanASegmentGetsOneOfItsOwn) {
  auto log = Make();
  AppendOne(*log, 1, "small").value();
  const std::string large(100000, 'L');
  AppendOne(*log, 2, large).value();
  AppendOne(*log, 3, "small again").value();
  const std::vector<ReplayedRecord> expected = {{1, "small"}, {2, large}, {3, "small again"}};
  EXPECT_EQ(Replay(*memory_, "/db")->records, expected);
  EXPECT_EQ(log->current_segment(), WalNumber{2});
}

TEST_P(LogWays, EverySizeAroundTheEndOfASegmentFits) {
  for (std::size_t size = 12288 - 100; size < 12288 + 20; ++size) {
    auto files = std::make_shared<MemoryFileSystem>();
    files->CreateDirectory("/db").value();
    auto log = MakeLog({.files = *files, .way = GetParam()}).value();
    const std::string payload(size, 'p');
    AppendOne(*log, 1, payload).value();
    log->Sync().value();
    log->MarkSynced().value();
    AppendOne(*log, 2, "next").value();
    const std::vector<ReplayedRecord> expected = {{1, payload}, {2, "next"}};
    ASSERT_EQ(Replay(*files, "/db")->records, expected) << size;
  }
}

TEST_P(LogWays, ANewLogContinuesTheOneThatWasRecovered) {
  std::uint64_t n = 0;
  std::optional<Replayed> before;
  for (int run = 0; run < 5; ++run) {
    auto log =
        MakeLog({.files = *memory_, .way = GetParam(), .after = before ? &before->report : nullptr})
            .value();
    for (int i = 0; i < 150; ++i) {
      ++n;
      AppendOne(*log, n, PayloadOf(n)).value();
    }
    log.reset();
    before = Replay(*memory_, "/db").value();
    ASSERT_EQ(before->records, Expected(n));
  }
}

TEST_P(LogWays, SyncedRecordsSurviveAPowerLossAndTheDirectoryIsSynced) {
  Random random(1);
  auto log = Make();
  for (std::uint64_t n = 1; n <= 500; ++n) {
    AppendOne(*log, n, PayloadOf(n)).value();
  }
  log->Sync().value();
  AppendOne(*log, 501, "not synced").value();
  const auto left = memory_->CloneAfterPowerLoss(random, 0);
  EXPECT_EQ(Replay(*left, "/db")->records, Expected(500));
}

TEST_P(LogWays, SyncIsFreeWhenNothingWasAppended) {
  auto log = Make();
  AppendOne(*log, 1, "x").value();
  log->Sync().value();
  const auto syncs = faulty_.Count(OperationKind::kSync);
  log->Sync().value();
  EXPECT_EQ(faulty_.Count(OperationKind::kSync), syncs);
  const auto directory_syncs = faulty_.Count(OperationKind::kSyncDirectory);
  AppendOne(*log, 2, "y").value();
  log->Sync().value();
  EXPECT_EQ(faulty_.Count(OperationKind::kSync), syncs + 1);
  EXPECT_EQ(faulty_.Count(OperationKind::kSyncDirectory), directory_syncs);
}

TEST_P(LogWays, AMarkIsMadeOnceAndOnlyWhenAllIsSynced) {
  auto log = Make();
  log->MarkSynced().value();
  AppendOne(*log, 1, "x").value();
  log->MarkSynced().value();
  const auto unmarked = log->counters().appended_bytes;
  log->Sync().value();
  log->MarkSynced().value();
  EXPECT_EQ(log->counters().appended_bytes, unmarked + 24);
  log->MarkSynced().value();
  log->Sync().value();
  log->MarkSynced().value();
  EXPECT_EQ(log->counters().appended_bytes, unmarked + 24);
}

TEST_P(LogWays, AFullDiskLeavesTheLogUsable) {
  auto log = Make();
  faulty_.SetQuota(30 << 10);
  std::uint64_t n = 0;
  Result<void> result;
  while (result) {
    ++n;
    result = AppendOne(*log, n, PayloadOf(n));
  }
  EXPECT_EQ(result.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(AppendOne(*log, n, PayloadOf(n)).error().code, ErrorCode::kNoSpace);
  log->Sync().value();
  EXPECT_EQ(Replay(*memory_, "/db")->records, Expected(n - 1));
  faulty_.SetQuota(std::nullopt);
  for (const std::uint64_t end = n + 300; n < end; ++n) {
    AppendOne(*log, n, PayloadOf(n)).value();
  }
  log->Sync().value();
  EXPECT_EQ(Replay(*memory_, "/db")->records, Expected(n - 1));
}

TEST_P(LogWays, AFailedSyncIsFinal) {
  for (const OperationKind kind : {OperationKind::kSync, OperationKind::kSyncDirectory}) {
    auto memory = std::make_shared<MemoryFileSystem>();
    FaultyFileSystem faulty(memory);
    memory->CreateDirectory("/db").value();
    auto log = MakeLog({.files = faulty, .way = GetParam()}).value();
    AppendOne(*log, 1, "x").value();
    log->StartSegment().value();
    faulty.Plant({.kind = kind, .drops_unsynced = true});
    const auto failed = log->Sync();
    ASSERT_EQ(failed.error().code, ErrorCode::kIo);
    EXPECT_EQ(log->Sync().error(), failed.error());
    EXPECT_EQ(AppendOne(*log, 2, "y").error(), failed.error());
    EXPECT_EQ(log->StartSegment().error(), failed.error());
    EXPECT_EQ(faulty.faults_hit(), 1u);
  }
}

TEST_P(LogWays, AFailedCommitOrLendIsFinalUnlessItIsNoSpace) {
  auto log = Make();
  AppendOne(*log, 1, PayloadOf(1)).value();
  faulty_.Plant({.kind = OperationKind::kCommit, .code = ErrorCode::kNoSpace});
  EXPECT_EQ(AppendOne(*log, 2, "lost").error().code, ErrorCode::kNoSpace);
  AppendOne(*log, 2, PayloadOf(2)).value();
  faulty_.Plant({.kind = OperationKind::kLend});
  EXPECT_EQ(AppendOne(*log, 3, "lost").error().code, ErrorCode::kIo);
  EXPECT_EQ(AppendOne(*log, 3, "lost").error().code, ErrorCode::kIo);
  EXPECT_EQ(log->Sync().error().code, ErrorCode::kIo);
  EXPECT_EQ(Replay(*memory_, "/db")->records, Expected(2));
}

TEST_P(LogWays, ReleasedSegmentsAreRecycledOrDeletedAndNeverReplayed) {
  auto log = Make();
  std::uint64_t n = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 300; ++i) {
      ++n;
      AppendOne(*log, n, PayloadOf(n)).value();
    }
    const WalNumber live = log->StartSegment().value();
    log->Release(live).value();
    EXPECT_LE(memory_->List("/db")->size(), 2u) << "the current one and one that is ready";
    ++n;
    AppendOne(*log, n, PayloadOf(n)).value();
    const Replayed replayed = Replay(*memory_, "/db", live).value();
    ASSERT_EQ(replayed.records, (std::vector<ReplayedRecord>{{n, PayloadOf(n)}}));
  }
  EXPECT_GT(faulty_.Count(OperationKind::kRename), 10u);
  const WalNumber last = log->current_segment();
  log.reset();
  EXPECT_EQ(*memory_->List("/db"), std::vector<std::string>{WalFileName(last)});
}

TEST_P(LogWays, TheNextSegmentIsMadeReadyBeforeThisOneIsFull) {
  auto log = Make(2 * LogFile::kPartBytes);
  std::uint64_t n = 0;
  auto fill = [&](std::uint64_t bytes) {
    for (std::uint64_t done = 0; done < bytes; done += 1000) {
      AppendOne(*log, ++n, std::string(1000, 'x')).value();
    }
  };
  log->Prepare();
  fill(LogFile::kPartBytes / 2);
  log->Prepare();
  EXPECT_EQ(memory_->List("/db")->size(), 1u);
  fill(LogFile::kPartBytes);
  log->Prepare();
  log->Prepare();
  EXPECT_EQ(*memory_->List("/db"), (std::vector<std::string>{"000001.wal", "000002.wal"}));
  const std::uint64_t allocated = faulty_.Count(OperationKind::kAllocate);
  fill(LogFile::kPartBytes);
  EXPECT_EQ(log->current_segment(), WalNumber{2});
  EXPECT_EQ(faulty_.Count(OperationKind::kAllocate), allocated);
  // One that a large record overtakes is released with the others.
  fill(LogFile::kPartBytes);
  log->Prepare();
  AppendOne(*log, ++n, std::string(3 * LogFile::kPartBytes, 'x')).value();
  EXPECT_EQ(log->current_segment(), WalNumber{4});
  EXPECT_EQ(Replay(*memory_, "/db")->records.size(), n);
  log->Release({4}).value();
  EXPECT_EQ(memory_->List("/db")->size(), 2u) << "the current one and one that is ready";
}

TEST_P(LogWays, AFullDiskMakesNothingReadyAndDisturbsNothing) {
  auto log = Make(1 << 20);
  faulty_.SetQuota(3 << 19);
  for (std::uint64_t n = 1; n <= 800; ++n) {
    AppendOne(*log, n, std::string(1000, 'x')).value();
  }
  log->Prepare();
  EXPECT_EQ(*memory_->List("/db"), std::vector<std::string>{"000001.wal"});
  faulty_.SetQuota(std::nullopt);
  for (std::uint64_t n = 801; n <= 1200; ++n) {
    AppendOne(*log, n, std::string(1000, 'x')).value();
  }
  EXPECT_EQ(Replay(*memory_, "/db")->records.size(), 1200u);
}

TEST_P(LogWays, AFailedReleaseIsTriedAgain) {
  auto log = Make();
  AppendOne(*log, 1, "x").value();
  log->StartSegment().value();
  const WalNumber live = log->StartSegment().value();
  faulty_.Plant({.kind = OperationKind::kRename, .for_ever = true});
  faulty_.Plant({.kind = OperationKind::kDelete, .name_part = "000001"});
  EXPECT_FALSE(log->Release(live).has_value());
  EXPECT_EQ(*memory_->List("/db"), (std::vector<std::string>{"000001.wal", WalFileName(live)}));
  log->Release(live).value();
  EXPECT_EQ(*memory_->List("/db"), (std::vector<std::string>{WalFileName(live)}));
}

INSTANTIATE_TEST_SUITE_P(BothWays, LogWays,
                         ::testing::Values(WalAppend::kWrite, WalAppend::kMapped),
                         [](const auto& way) { return Name(way.param); });

class PosixLogWays : public ::testing::TestWithParam<WalAppend> {
 protected:
  TemporaryDirectory directory_;
  FileSystem& files_ = *PosixFileSystem();
};

TEST_P(PosixLogWays, AppendersSyncersAndReleasersDoNotDisturbEachOther) {
  auto log = MakeLog({.files = files_,
                      .directory = directory_.path(),
                      .way = GetParam(),
                      .segment_bytes = 64 << 10})
                 .value();
  constexpr std::uint64_t kRecords = 20000;
  std::atomic<std::uint64_t> live{1};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.reserve(5);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        log->Sync().value();
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      log->Release({live}).value();
      std::this_thread::yield();
    }
  });
  threads.emplace_back([&] {
    while (!stop) {
      log->Prepare();
    }
  });
  std::uint64_t first_live = 1;
  for (std::uint64_t n = 1; n <= kRecords; ++n) {
    AppendOne(*log, n, PayloadOf(n)).value();
    if (n % 3000 == 0) {
      live = log->StartSegment()->value;
      first_live = n + 1;
    }
  }
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  log->Sync().value();
  const Replayed replayed = Replay(files_, directory_.path(), {live}).value();
  ASSERT_EQ(replayed.records.size(), kRecords - first_live + 1);
  EXPECT_EQ(replayed.records.back(), (ReplayedRecord{kRecords, PayloadOf(kRecords)}));
}

TEST_P(PosixLogWays, WhatWasAppendedIsThereForAnotherOpeningAtOnce) {
  auto log = MakeLog({.files = files_, .directory = directory_.path(), .way = GetParam()}).value();
  for (std::uint64_t n = 1; n <= 500; ++n) {
    AppendOne(*log, n, PayloadOf(n)).value();
  }
  EXPECT_EQ(Replay(files_, directory_.path())->records, Expected(500));
}

// Pages of the file's first part that are in memory.
std::size_t ResidentPages(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const memory = ::mmap(nullptr, LogFile::kPartBytes, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  std::vector<unsigned char> pages(LogFile::kPartBytes / kPageBytes);
  EXPECT_EQ(::mincore(memory, LogFile::kPartBytes, pages.data()), 0);
  ::munmap(memory, LogFile::kPartBytes);
  return static_cast<std::size_t>(
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

// Each sync of a record would write a whole piece of what was made ready there.
TEST(PreparedSegments, NoneIsPreparedBehindASyncedPart) {
  for (const bool is_synced : {false, true}) {
    const TemporaryDirectory directory;
    const auto log = MakeLog({.files = *PosixFileSystem(),
                              .directory = directory.path(),
                              .way = WalAppend::kMapped,
                              .segment_bytes = 4 * LogFile::kPartBytes})
                         .value();
    std::uint64_t records = 0;
    auto fill = [&](std::uint64_t bytes) {
      for (std::uint64_t done = 0; done < bytes; done += 1000) {
        AppendOne(*log, ++records, std::string(1000, 'p')).value();
      }
    };
    fill(LogFile::kPartBytes * 5 / 2);
    if (is_synced) {
      log->Sync().value();
    }
    fill(LogFile::kPartBytes);
    log->Prepare();
    const std::size_t resident = ResidentPages(directory / WalFileName({2}));
    EXPECT_EQ(resident, is_synced ? 0 : LogFile::kPartBytes / kPageBytes);
  }
}

// Prepares as an engine does, in another thread, each time the log says that it is worth it.
TEST_P(PosixLogWays, ProgressIsToldOncePerPartAndPreparingInBetweenChangesNothing) {
  constexpr std::uint64_t kSegmentBytes = 4 * LogFile::kPartBytes;
  std::uint64_t calls = 0;
  std::unique_ptr<Log> log;
  log = MakeLog({.files = files_,
                 .directory = directory_.path(),
                 .way = GetParam(),
                 .segment_bytes = kSegmentBytes,
                 .on_progress =
                     [&] {
                       ++calls;
                       std::thread([&] { log->Prepare(); }).join();
                     }})
            .value();
  const std::string payload(1000, 'p');
  std::uint64_t records = 0;
  auto fill = [&](std::uint64_t bytes) {
    for (std::uint64_t done = 0; done < bytes; done += payload.size()) {
      AppendOne(*log, ++records, payload).value();
    }
  };
  fill(LogFile::kPartBytes / 3);
  EXPECT_EQ(calls, 0u);
  fill(LogFile::kPartBytes / 3);
  EXPECT_EQ(calls, 1u);
  const WalNumber first = log->current_segment();
  while (log->current_segment() == first) {
    fill(1);
  }
  EXPECT_EQ(calls, 4u);
  log->Release(log->current_segment()).value();  // Now there is a segment ready to be prepared.
  const std::uint64_t records_released = records - 1;
  fill(2 * kSegmentBytes);
  EXPECT_GE(calls, 11u);
  const Replayed replayed = Replay(files_, directory_.path(), {.value = first.value + 1}).value();
  ASSERT_EQ(replayed.records.size(), records - records_released);
  EXPECT_EQ(replayed.records.front(), (ReplayedRecord{records_released + 1, payload}));
  EXPECT_EQ(replayed.records.back(), (ReplayedRecord{records, payload}));
}

std::uint64_t DeviceBytesWritten() {
  std::ifstream io("/proc/self/io");
  for (std::string word; io >> word;) {
    if (word == "write_bytes:") {
      std::uint64_t bytes = 0;
      io >> bytes;
      return bytes;
    }
  }
  return 0;
}

// The kernel counts a page once when it becomes dirty. A segment that came through the page cache
// in large pieces would dirty all of one for every record.
TEST_P(PosixLogWays, ASmallSyncWritesAtMostSixteenKibibytes) {
  auto log = MakeLog({.files = files_,
                      .directory = directory_.path(),
                      .way = GetParam(),
                      .segment_bytes = 4 << 20})
                 .value();
  constexpr std::uint64_t kSyncs = 200;
  const std::uint64_t before = DeviceBytesWritten();
  for (std::uint64_t n = 1; n <= kSyncs; ++n) {
    AppendOne(*log, n, PayloadOf(n, 140)).value();
    log->Sync().value();
  }
  const std::uint64_t written = DeviceBytesWritten() - before;
  if (written == 0) {
    GTEST_SKIP() << "the file system of " << directory_.path() << " does not count its writes";
  }
  EXPECT_GE(log->counters().syncs, kSyncs);
  EXPECT_LE(written / kSyncs, 16u << 10);
}

INSTANTIATE_TEST_SUITE_P(BothWays, PosixLogWays,
                         ::testing::Values(WalAppend::kWrite, WalAppend::kMapped),
                         [](const auto& way) { return Name(way.param); });

// A file system whose sync waits at a gate, so that a test decides who comes before and who after.
TEST(LogSync, ThoseWhoCameBeforeASyncBeganShareItAndTheOthersShareTheNext) {
  auto memory = std::make_shared<MemoryFileSystem>();
  memory->CreateDirectory("/db").value();
  FaultyFileSystem faulty(memory);
  auto log = MakeLog({.files = faulty}).value();
  const auto syncs_before = log->counters().syncs;
  Mutex mutex;
  ConditionVariable changed;
  int inside = 0;
  bool open = false;
  faulty.SetHook([&](const Operation& operation) {
    if (operation.kind == OperationKind::kSync) {
      MutexLock lock(mutex);
      ++inside;
      changed.NotifyAll();
      while (!open) {
        changed.Wait(mutex);
      }
    }
  });
  AppendOne(*log, 1, "first").value();
  std::vector<std::thread> threads;
  threads.emplace_back([&] { log->Sync().value(); });
  {
    MutexLock lock(mutex);
    while (inside == 0) {
      changed.Wait(mutex);
    }
  }
  AppendOne(*log, 2, "second").value();
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { log->Sync().value(); });
  }
  {
    MutexLock lock(mutex);
    EXPECT_EQ(inside, 1) << "two syncs of the device at the same time";
    open = true;
    changed.NotifyAll();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(log->counters().syncs - syncs_before, 2u);
  Random random(1);
  EXPECT_EQ(Replay(*memory->CloneAfterPowerLoss(random, 0), "/db")->records.size(), 2u);
}

TEST(WalFileName, IsReadBackExactly) {
  EXPECT_EQ(WalFileName({7}), "000007.wal");
  EXPECT_EQ(WalFileName({12345678}), "12345678.wal");
  EXPECT_EQ(ParseWalFileName("000007.wal"), WalNumber{7});
  EXPECT_EQ(ParseWalFileName("12345678.wal"), WalNumber{12345678});
  for (const char* name : {"7.wal", "0000007.wal", "000000.wal", "00000a.wal", ".wal", "000007.sst",
                           "-00007.wal", "99999999999999999999.wal", "000007.wal "}) {
    EXPECT_FALSE(ParseWalFileName(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace firn
