// SPDX-License-Identifier: Apache-2.0
#include "io/posix_file_system.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "base/page.h"
#include "base/sanitized.h"
#include "io/posix_descriptor.h"
#include "io/posix_readable_file.h"
#include "io/temporary_directory.h"

namespace firn {
namespace {

class PosixFiles : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& content) {
    auto file = files_.CreateAppendable(directory_ / name).value();
    file->Append(content).value();
    file->Close().value();
  }
  std::string Content(const std::string& name) {
    return ReadWholeFile(files_, directory_ / name).value();
  }

  TemporaryDirectory directory_;
  FileSystem& files_ = *PosixFileSystem();
};

TEST(Transfers, GoOnAfterInterruptionsAndShortCounts) {
  std::string moved;
  int calls = 0;
  const ssize_t total = posix::TransferAll(10, [&](std::size_t done) -> ssize_t {
    EXPECT_EQ(done, moved.size());
    if (++calls % 2 == 1) {
      errno = EINTR;
      return -1;
    }
    moved.append(std::min<std::size_t>(3, 10 - done), 'x');
    return static_cast<ssize_t>(std::min<std::size_t>(3, 10 - done));
  });
  EXPECT_EQ(total, 10);
  EXPECT_EQ(moved.size(), 10u);
  EXPECT_EQ(calls, 8);
}

TEST(Transfers, EndWhereNothingMovesOrAnErrorComes) {
  EXPECT_EQ(posix::TransferAll(10, [](std::size_t done) -> ssize_t { return done < 6 ? 3 : 0; }),
            6);
  EXPECT_EQ(posix::TransferAll(10,
                               [](std::size_t done) -> ssize_t {
                                 errno = EIO;
                                 return done < 6 ? 3 : -1;
                               }),
            -1);
}

TEST_F(PosixFiles, AppendedBytesComeBackWhateverTheirSizes) {
  auto file = files_.CreateAppendable(directory_ / "t").value();
  std::string expected;
  for (std::size_t size : {1u, 100u, 65535u, 65536u, 65537u, 3u, 3000000u, 0u, 7u}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    file->Append(piece).value();
    expected += piece;
  }
  file->Sync().value();
  EXPECT_EQ(Content("t"), expected);
  file->Append("end").value();
  file->Close().value();
  EXPECT_EQ(Content("t"), expected + "end");
}

TEST_F(PosixFiles, ReadsAreShortOnlyAtTheEnd) {
  Put("t", "0123456789");
  auto file = files_.OpenReadable(directory_ / "t").value();
  char bytes[8];
  EXPECT_EQ(file->Read(4, bytes).value(), 6u);
  EXPECT_EQ(std::string(bytes, 6), "456789");
  EXPECT_EQ(file->Read(10, bytes).value(), 0u);
  EXPECT_EQ(file->Size().value(), 10u);
}

TEST_F(PosixFiles, ErrorsNameOperationPathAndReason) {
  Put("t", "x");
  const auto missing = files_.OpenReadable(directory_ / "absent");
  EXPECT_EQ(missing.error(), (Error{ErrorCode::kNotFound, "open " + directory_ / "absent" +
                                                              ": no such file or directory"}));
  EXPECT_EQ(files_.CreateAppendable(directory_ / "t").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(files_.CreateLog(directory_ / "t", 4096, WalAppend::kAuto).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(files_.Delete(directory_ / "absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(posix::SyncDirectoryAt(directory_ / "absent").error().code, ErrorCode::kIo);
  EXPECT_EQ(files_.Link(directory_ / "t", directory_ / "t").error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(files_.CreateDirectory(directory_.path()).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(files_.OpenReadable(directory_ / "t/inside").error().code, ErrorCode::kIo);
}

TEST_F(PosixFiles, AFullDeviceIsNoSpaceFromAWriteButIoFromASync) {
  EXPECT_EQ(posix::SystemError("write", "t", ENOSPC).code, ErrorCode::kNoSpace);
  EXPECT_EQ(posix::SystemError("write", "t", EDQUOT).code, ErrorCode::kNoSpace);
  EXPECT_EQ(posix::SyncError("sync", "t", ENOSPC).code, ErrorCode::kIo);
  const auto full = posix::OpenDescriptor("open", "/dev/full", 1).value();
  EXPECT_EQ(posix::WriteAt(full.get(), "/dev/full", 0, "x").error().code, ErrorCode::kNoSpace);
}

TEST_F(PosixFiles, DirectoriesAreMadeListedSyncedAndRemoved) {
  const std::string inner = directory_ / "inner";
  files_.CreateDirectory(inner).value();
  Put("inner/b", "1");
  files_.Link(inner + "/b", inner + "/a").value();
  files_.SyncDirectory(inner).value();
  EXPECT_EQ(files_.List(inner).value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(files_.DeleteDirectory(inner).has_value());
  files_.Delete(inner + "/a").value();
  files_.Delete(inner + "/b").value();
  files_.DeleteDirectory(inner).value();
  EXPECT_EQ(files_.List(inner).error().code, ErrorCode::kNotFound);
  EXPECT_GT(files_.FreeBytes(directory_.path()).value(), 0u);
}

TEST_F(PosixFiles, ASlottedFileIsRewrittenInPlaceAndKeptWhenOpenedAgain) {
  files_.OpenSlotted(directory_ / "SUPER").value()->Write(4, "abcd").value();
  auto again = files_.OpenSlotted(directory_ / "SUPER").value();
  again->Write(5, "X").value();
  again->Sync().value();
  EXPECT_EQ(Content("SUPER"), std::string("\0\0\0\0aXcd", 8));
}

TEST_F(PosixFiles, ALockExcludesASecondOneInTheSameProcess) {
  auto held = files_.Lock(directory_ / "LOCK").value();
  EXPECT_EQ(files_.Lock(directory_ / "LOCK").error().code, ErrorCode::kBusy);
  held.reset();
  EXPECT_TRUE(files_.Lock(directory_ / "LOCK").has_value());
}

class PosixLogs : public PosixFiles, public ::testing::WithParamInterface<WalAppend> {};

TEST_P(PosixLogs, HoldWhatWasLentAndCommittedAndZerosElsewhere) {
  constexpr std::uint64_t kCapacity = 3 << 20;  // Several windows of the mapped way.
  std::string expected(kCapacity, '\0');
  auto log = files_.CreateLog(directory_ / "1.wal", kCapacity, GetParam()).value();
  EXPECT_EQ(log->capacity(), kCapacity);
  std::size_t piece = 1;
  for (std::uint64_t offset = 4096; offset + piece <= kCapacity; offset += piece) {
    piece = std::min<std::uint64_t>(piece * 7 % 900001 + 1, kCapacity - offset);
    const char fill = static_cast<char>('a' + piece % 26);
    std::memset(log->Lend(offset, piece).value().data(), fill, piece);
    log->Commit(offset, piece).value();
    expected.replace(offset, piece, piece, fill);
  }
  log->Sync().value();
  EXPECT_TRUE(Content("1.wal") == expected);
}

// Whatever is prepared when: the next part, one that is passed, one that is far.
TEST_P(PosixLogs, PreparingChangesNothingThatIsStoredBesideIt) {
  constexpr std::uint64_t kCapacity = 8 * LogFile::kPartBytes + 100;
  std::string expected(kCapacity, '\0');
  auto log = files_.CreateLog(directory_ / "1.wal", kCapacity, GetParam()).value();
  std::atomic<std::uint64_t> reached{0};
  std::thread preparing([&] {
    for (std::uint64_t n = 0; reached < kCapacity; ++n) {
      const std::uint64_t part = reached / LogFile::kPartBytes + n % 4;
      log->Prepare(part * LogFile::kPartBytes);
    }
  });
  for (std::uint64_t offset = 0, piece = 1; offset < kCapacity; offset += piece) {
    piece = std::min<std::uint64_t>(offset % 1000 == 7 ? 70'000 : piece * 7 % 1801 + 1,
                                    kCapacity - offset);
    const char fill = static_cast<char>('a' + piece % 26);
    std::memset(log->Lend(offset, piece).value().data(), fill, piece);
    log->Commit(offset, piece).value();
    if (offset % 500 == 3) {
      log->Sync().value();
    }
    expected.replace(offset, piece, piece, fill);
    reached = offset + piece;
  }
  preparing.join();
  EXPECT_TRUE(Content("1.wal") == expected);
}

TEST_P(PosixLogs, ARecycledSegmentHasTheNewSizeAndNothingOfTheOld) {
  for (const std::uint64_t old_capacity : {64u << 10, 256u << 10}) {
    auto old = files_.CreateLog(directory_ / "1.wal", old_capacity, GetParam()).value();
    std::memset(old->Lend(0, old_capacity).value().data(), 'x', old_capacity);
    old->Commit(0, old_capacity).value();
    old.reset();
    auto log = files_.RecycleLog(directory_ / "1.wal", directory_ / "2.wal", 128 << 10, GetParam());
    std::memcpy(log.value()->Lend(8, 3).value().data(), "new", 3);
    log.value()->Commit(8, 3).value();
    std::string expected(128 << 10, '\0');
    expected.replace(8, 3, "new");
    EXPECT_TRUE(Content("2.wal") == expected);
    EXPECT_EQ(files_.OpenReadable(directory_ / "1.wal").error().code, ErrorCode::kNotFound);
    files_.Delete(directory_ / "2.wal").value();
  }
}

TEST_P(PosixLogs, RecyclingNeverReplacesAFile) {
  files_.CreateLog(directory_ / "1.wal", 4096, GetParam()).value();
  Put("2.wal", "mine");
  EXPECT_EQ(
      files_.RecycleLog(directory_ / "1.wal", directory_ / "2.wal", 4096, GetParam()).error().code,
      ErrorCode::kAlreadyExists);
  EXPECT_EQ(Content("2.wal"), "mine");
}

// Beyond what any file may hold, and not only beyond the free space: that some file systems would
// use up, for everybody, before they refuse.
TEST_P(PosixLogs, ASegmentThatCannotBeAllocatedLeavesNoFile) {
  const auto log = files_.CreateLog(directory_ / "1.wal", std::uint64_t{1} << 62, GetParam());
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(files_.List(directory_.path()).value(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(BothWays, PosixLogs,
                         ::testing::Values(WalAppend::kWrite, WalAppend::kMapped),
                         [](const auto& way) {
                           return way.param == WalAppend::kWrite ? "Write" : "Mapped";
                         });

long PageFaultsOfThisThread() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

class PreparedLog : public PosixFiles {
 protected:
  static constexpr long kPagesOfPart = LogFile::kPartBytes / kPageBytes;

  void SetUp() override {
    if (kIsSanitized) {
      GTEST_SKIP() << "a sanitizer has page faults of its own";
    }
  }
  void Prepare(std::uint64_t part) {
    std::thread([&] { log_->Prepare(part * LogFile::kPartBytes); }).join();
  }
  long FaultsOfFilling(std::uint64_t part, bool synced = false) {
    const long before = PageFaultsOfThisThread();
    constexpr std::size_t kRecord = 128;
    for (std::uint64_t at = 0; at < LogFile::kPartBytes; at += kRecord) {
      const std::uint64_t offset = part * LogFile::kPartBytes + at;
      std::memset(log_->Lend(offset, kRecord).value().data(), 'r', kRecord);
      log_->Commit(offset, kRecord).value();
      if (synced && at == LogFile::kPartBytes / 2) {
        log_->Sync().value();
      }
    }
    return PageFaultsOfThisThread() - before;
  }

  std::unique_ptr<LogFile> log_ =
      files_.CreateLog(directory_ / "1.wal", 8 * LogFile::kPartBytes, WalAppend::kMapped).value();
};

TEST_F(PreparedLog, IsStoredToWithoutPageFaults) {
  Prepare(0);
  EXPECT_LT(FaultsOfFilling(0), kPagesOfPart / 8);
  EXPECT_GT(FaultsOfFilling(1), kPagesOfPart / 2) << "unprepared, or this test proves nothing";
  Prepare(2);
  EXPECT_LT(FaultsOfFilling(2), kPagesOfPart / 8);
}

TEST_F(PreparedLog, OnlyThePartBehindTheOneInUseIsPrepared) {
  Prepare(1);
  Prepare(2);
  EXPECT_GT(FaultsOfFilling(0), kPagesOfPart / 2);
  EXPECT_GT(FaultsOfFilling(1), kPagesOfPart / 2);
}

// The sync would write the part as zeros, and take the right to store from its pages.
TEST_F(PreparedLog, APartBehindASyncedOneIsLeftAlone) {
  FaultsOfFilling(0, true);
  Prepare(1);
  EXPECT_GT(FaultsOfFilling(1), kPagesOfPart / 2);
  Prepare(2);
  EXPECT_GT(FaultsOfFilling(2), kPagesOfPart / 2);
  Prepare(3);
  EXPECT_LT(FaultsOfFilling(3), kPagesOfPart / 8);
}

// The end of a part's last record lies in the part that is prepared: mapped, written by a call
// because it is long or because a sync came before, or mapped again because it is too long for
// that.
TEST_F(PosixFiles, PreparingAPartOfALogChangesNoByteOfIt) {
  constexpr std::uint64_t kOffset = LogFile::kPartBytes - 500;
  constexpr std::uint64_t kCapacity = 4 * LogFile::kPartBytes;
  for (const std::size_t length :
       {std::size_t{1'000}, std::size_t{70'000}, std::size_t{1'500'000}}) {
    for (const bool is_synced : {false, true}) {
      const std::string name = std::to_string(length) + (is_synced ? "s.wal" : ".wal");
      const auto log = files_.CreateLog(directory_ / name, kCapacity, WalAppend::kMapped).value();
      std::string expected(kCapacity, '\0');
      auto append = [&](std::uint64_t offset, std::size_t bytes) {
        std::ranges::fill(log->Lend(offset, bytes).value(), 'r');
        log->Commit(offset, bytes).value();
        expected.replace(offset, bytes, bytes, 'r');
      };
      append(0, 100);
      if (is_synced) {
        log->Sync().value();
      }
      append(kOffset, length);
      for (std::uint64_t part = 1; part < 4; ++part) {
        log->Prepare(part * LogFile::kPartBytes);
      }
      EXPECT_TRUE(Content(name) == expected) << name;
    }
  }
}

// Holds the process to a few descriptors for the length of a test.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lowered = before_;
    lowered.rlim_cur = limit;
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_;
};

// clang's UndefinedBehaviorSanitizer opens a pipe to look at an object's type, and takes it for
// broken when there is no descriptor left for that.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
constexpr bool kSanitizerNeedsDescriptors = true;
#else
constexpr bool kSanitizerNeedsDescriptors = false;
#endif
#else
constexpr bool kSanitizerNeedsDescriptors = false;
#endif

TEST_F(PosixFiles, MoreFilesCanBeOpenForReadingThanThereAreDescriptors) {
  if (kSanitizerNeedsDescriptors) {
    GTEST_SKIP() << "the sanitizer would run out of descriptors too";
  }
  constexpr int kFiles = 200;
  for (int i = 0; i < kFiles; ++i) {
    Put(std::to_string(i), "content of " + std::to_string(i));
  }
  const FewDescriptors few(32);
  std::vector<std::unique_ptr<ReadableFile>> open;
  for (int i = 0; i < kFiles; ++i) {
    open.push_back(files_.OpenReadable(directory_ / std::to_string(i)).value());
  }
  for (int i = 0; i < kFiles; ++i) {
    char bytes[32];
    const std::size_t count = open[static_cast<std::size_t>(i)]->Read(0, bytes).value();
    EXPECT_EQ(std::string(bytes, count), "content of " + std::to_string(i));
  }
  EXPECT_TRUE(files_.CreateAppendable(directory_ / "another").has_value());
}

TEST_F(PosixFiles, WithoutIdleFilesRunningOutOfDescriptorsIsAnError) {
  if (kSanitizerNeedsDescriptors) {
    GTEST_SKIP() << "the sanitizer would run out of descriptors too";
  }
  Put("t", "x");
  while (posix::CloseIdleReadableFiles()) {
  }
  const FewDescriptors few(16);
  std::vector<posix::Descriptor> taken;
  while (auto descriptor = posix::OpenDescriptor("open", directory_ / "t", 0)) {
    taken.push_back(*std::move(descriptor));
  }
  const auto failed = posix::OpenDescriptor("open", directory_ / "t", 0);
  EXPECT_EQ(failed.error().code, ErrorCode::kNoSpace);
  EXPECT_NE(failed.error().context.find("too many open files"), std::string::npos);
  EXPECT_EQ(posix::SyncDirectoryAt(directory_.path()).error().code, ErrorCode::kIo);
}

TEST_F(PosixFiles, ReadersNeverNoticeThatDescriptorsAreTakenAway) {
  constexpr std::size_t kFiles = 8;
  std::vector<std::unique_ptr<ReadableFile>> open;
  for (std::size_t i = 0; i < kFiles; ++i) {
    Put(std::to_string(i), std::string(100, static_cast<char>('a' + i)));
    open.push_back(files_.OpenReadable(directory_ / std::to_string(i)).value());
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (std::size_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      for (std::size_t i = reader; !stop; ++i) {
        char bytes[100];
        ASSERT_EQ(open[i % kFiles]->Read(0, bytes).value(), 100u);
        ASSERT_EQ(bytes[50], static_cast<char>('a' + i % kFiles));
      }
    });
  }
  int taken = 0;
  for (int i = 0; i < 5000; ++i) {
    taken += posix::CloseIdleReadableFiles() ? 1 : 0;
  }
  stop = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace firn
