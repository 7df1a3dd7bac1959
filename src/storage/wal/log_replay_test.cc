// SPDX-License-Identifier: Apache-2.0
//
// Damage planted by hand: what replay makes of it. Records are known, so every test can say not
// only that replay ended well but that what it gave out is a prefix of what was written.
#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "storage/wal/log_format.h"
#include "storage/wal/log_testing.h"

namespace firn {
namespace {

using wal::kFirstRecord;
using Contents = std::map<std::string, std::string>;

Contents ContentsOf(FileSystem& files) {
  Contents contents;
  const std::vector<std::string> names = files.List("/db").value();
  for (const std::string& name : names) {
    contents[name] = ReadWholeFile(files, "/db/" + name).value();
  }
  return contents;
}

std::shared_ptr<MemoryFileSystem> FilesOf(const Contents& contents) {
  auto files = std::make_shared<MemoryFileSystem>();
  files->CreateDirectory("/db").value();
  for (const auto& [name, content] : contents) {
    files->SetContent("/db/" + name, content);
  }
  return files;
}

bool IsPrefix(const std::vector<ReplayedRecord>& records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i] != ReplayedRecord{i + 1, PayloadOf(i + 1)}) {
      return false;
    }
  }
  return true;
}

class Damage : public ::testing::Test {
 protected:
  Damage() {
    files_->CreateDirectory("/db").value();
    log_ = MakeLog({.files = *files_, .way = WalAppend::kWrite, .segment_bytes = 8192}).value();
  }

  void Append(int count) {
    for (int i = 0; i < count; ++i) {
      ++written_;
      AppendOne(*log_, written_, PayloadOf(written_)).value();
    }
  }
  // Where record `n` starts in its segment.
  std::uint64_t OffsetOf(std::uint64_t n, const Contents& contents, const std::string& name) {
    const std::string needle = "record " + std::to_string(n) + ":";
    return contents.at(name).find(needle) - wal::kRecordHeaderBytes;
  }
  std::string ErrorOf(const Contents& contents) {
    auto replayed = Replay(*FilesOf(contents), "/db");
    return replayed ? "replayed " + std::to_string(replayed->records.size())
                    : replayed.error().Describe();
  }

  std::shared_ptr<MemoryFileSystem> files_ = std::make_shared<MemoryFileSystem>();
  std::unique_ptr<Log> log_;
  std::uint64_t written_ = 0;
};

TEST_F(Damage, AnEmptyDirectoryIsAnEmptyLog) {
  const Replayed replayed = Replay(*FilesOf({}), "/db").value();
  EXPECT_EQ(replayed.report.end, LogEnd{});
  EXPECT_EQ(replayed.report.largest_segment, WalNumber{0});
  EXPECT_EQ(Replay(*FilesOf({{"000001.wal", ""}}), "/db")->report.largest_segment, WalNumber{1});
  EXPECT_EQ(Replay(*FilesOf({}), "/nowhere").error().code, ErrorCode::kNotFound);
}

TEST_F(Damage, TheErrorOfTheReceiverEndsReplay) {
  Append(10);
  int seen = 0;
  const auto report = ReplayLog(*files_, "/db", {{1}}, [&](const LogRecord&) {
    return ++seen == 4 ? Result<void>(Error{ErrorCode::kNoSpace, "enough"}) : Result<void>();
  });
  EXPECT_EQ(report.error(), (Error{ErrorCode::kNoSpace, "enough"}));
  EXPECT_EQ(seen, 4);
}

TEST_F(Damage, GarbageBehindTheEndIsCut) {
  Append(10);
  const Contents whole = ContentsOf(*files_);
  const std::uint64_t end = Replay(*files_, "/db")->report.end.offset;
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    Contents damaged = whole;
    std::string& bytes = damaged.begin()->second;
    for (std::uint64_t at = end; at < bytes.size(); ++at) {
      bytes[at] = static_cast<char>(random.Next());
    }
    const Replayed replayed = Replay(*FilesOf(damaged), "/db").value();
    ASSERT_EQ(replayed.records.size(), 10u);
    ASSERT_EQ(replayed.report.bytes_cut, bytes.size() - end);
    ASSERT_EQ(replayed.report.end.offset, end);
  }
}

TEST_F(Damage, ATornRecordCutsItAndTheIntactOnesBehindIt) {
  Append(3);
  Contents contents = ContentsOf(*files_);
  contents["000001.wal"][OffsetOf(2, contents, "000001.wal") + 30] ^= 1;
  const Replayed replayed = Replay(*FilesOf(contents), "/db").value();
  EXPECT_EQ(replayed.records.size(), 1u);
  EXPECT_GT(replayed.report.bytes_cut, 0u);
}

// Torn A, intact B; A is written again in a new segment with the same length. B must stay dead.
TEST_F(Damage, AReplacementOfATornRecordDoesNotReviveItsSuccessors) {
  Append(3);
  Contents contents = ContentsOf(*files_);
  const std::uint64_t torn = OffsetOf(2, contents, "000001.wal") + 30;
  contents["000001.wal"][torn] ^= 1;
  auto damaged = FilesOf(contents);
  const Replayed cut = Replay(*damaged, "/db").value();
  auto log = MakeLog({.files = *damaged, .after = &cut.report}).value();
  AppendOne(*log, 2, PayloadOf(2)).value();
  // The damage heals itself: the bytes of A return, so A and B are valid where they stand.
  Contents healed = ContentsOf(*damaged);
  healed["000001.wal"][torn] ^= 1;
  for (const Contents& state : {ContentsOf(*damaged), healed}) {
    const Replayed replayed = Replay(*FilesOf(state), "/db").value();
    EXPECT_TRUE(IsPrefix(replayed.records));
    EXPECT_EQ(replayed.records.size(), 2u);
  }
}

TEST_F(Damage, WhatALaterRecordCallsSyncedIsReported) {
  Append(3);
  log_->Sync().value();
  Append(1);
  Contents contents = ContentsOf(*files_);
  const std::uint64_t offset = OffsetOf(2, contents, "000001.wal");
  const std::uint64_t witness = OffsetOf(4, contents, "000001.wal");
  for (const std::uint64_t at : {offset, offset + 5, offset + 9, offset + 20, offset + 30}) {
    Contents damaged = contents;
    damaged["000001.wal"][at] ^= 0x40;
    const auto error = Replay(*FilesOf(damaged), "/db").error();
    EXPECT_EQ(error.code, ErrorCode::kCorruption);
    EXPECT_TRUE(error.context.starts_with("log 000001.wal @" + std::to_string(offset) + ": record"))
        << error.context;
    EXPECT_TRUE(error.context.ends_with("but it had been synced, says log 000001.wal @" +
                                        std::to_string(witness)))
        << error.context;
  }
}

TEST_F(Damage, AMarkProtectsTheLastSyncedRecords) {
  Append(3);
  log_->Sync().value();
  Contents unmarked = ContentsOf(*files_);
  unmarked["000001.wal"][OffsetOf(3, unmarked, "000001.wal") + 26] ^= 1;
  EXPECT_EQ(ErrorOf(unmarked), "replayed 2");
  log_->MarkSynced().value();
  Contents marked = ContentsOf(*files_);
  marked["000001.wal"][OffsetOf(3, marked, "000001.wal") + 26] ^= 1;
  EXPECT_TRUE(ErrorOf(marked).starts_with("corruption: log 000001.wal @"));
}

TEST_F(Damage, AZeroedPageInTheMiddleIsNotAnEnd) {
  Append(200);
  log_->Sync().value();
  Append(1);
  Contents contents = ContentsOf(*files_);
  contents["000002.wal"].replace(kFirstRecord, 4096, 4096, '\0');
  EXPECT_TRUE(ErrorOf(contents).starts_with("corruption: log 000002.wal @4096"));
}

TEST_F(Damage, AMissingSegmentIsReportedWhenItHadBeenSynced) {
  Append(200);
  ASSERT_GE(log_->current_segment(), WalNumber{4});
  Contents contents = ContentsOf(*files_);
  contents.erase("000002.wal");
  const Replayed unsynced = Replay(*FilesOf(contents), "/db").value();
  EXPECT_TRUE(IsPrefix(unsynced.records));
  EXPECT_EQ(unsynced.report.end.segment, WalNumber{1});
  log_->Sync().value();
  Append(1);
  contents = ContentsOf(*files_);
  contents.erase("000002.wal");
  EXPECT_TRUE(ErrorOf(contents).starts_with(
      "corruption: log 000002.wal @0: segment is missing, but it had been synced, says log"));
}

TEST_F(Damage, ASegmentWithoutAnIntactHeaderIsTheEndUnlessItHadBeenSynced) {
  Append(60);
  log_->StartSegment().value();
  const std::string last = WalFileName(log_->current_segment());
  Append(2);
  const auto with_bad_header = [&] {
    Contents contents = ContentsOf(*files_);
    contents[last][40] ^= 1;
    return contents;
  };
  EXPECT_EQ(ErrorOf(with_bad_header()), "replayed 60");
  Contents zeros = ContentsOf(*files_);
  zeros[last].assign(8192, '\0');
  EXPECT_EQ(ErrorOf(zeros), "replayed 60");
  log_->Sync().value();
  Append(1);
  EXPECT_TRUE(ErrorOf(with_bad_header())
                  .starts_with("corruption: log " + last + " @0: segment header checksum"));
}

// Exchanged segments were taken for ones never written: what was in them, synced, was gone without
// a word.
TEST_F(Damage, AFileUnderTheNameOfAnotherSegmentIsReported) {
  Append(60);
  Contents contents = ContentsOf(*files_);
  const Contents whole = contents;
  contents["000009.wal"] = contents["000001.wal"];
  EXPECT_EQ(ErrorOf(contents), "corruption: log 000009.wal @0: header is of segment 1");
  EXPECT_EQ(Replay(*FilesOf(contents), "/db", {10}).value().records.size(), 0u);
  contents = whole;
  ASSERT_GE(contents.size(), 2u);
  std::swap(contents.begin()->second, contents.rbegin()->second);
  EXPECT_EQ(ErrorOf(contents), "corruption: log 000001.wal @0: header is of segment " +
                                   std::to_string(contents.size()));
}

TEST_F(Damage, BytesOfARecycledSegmentAreNeverRecords) {
  Append(60);
  Contents contents = ContentsOf(*files_);
  const std::string last = contents.rbegin()->first;
  const std::uint64_t end = Replay(*files_, "/db")->report.end.offset;
  std::string stale = contents["000001.wal"];
  contents[last].replace(end, std::string::npos, stale.substr(end));
  const Replayed replayed = Replay(*FilesOf(contents), "/db").value();
  EXPECT_EQ(replayed.records.size(), 60u);
  EXPECT_TRUE(IsPrefix(replayed.records));
}

TEST_F(Damage, VersionsFeaturesAndKindsOfTheFutureAreRefusedByName) {
  Append(1);
  const Contents contents = ContentsOf(*files_);
  const auto with_header = [&](std::size_t at, std::uint32_t value) {
    Contents changed = contents;
    std::string& bytes = changed["000001.wal"];
    StoreLittle(bytes.data() + at, value);
    StoreLittle(bytes.data() + 12,
                Crc32c(std::string_view(bytes).substr(16, 80), Crc32c(bytes.substr(0, 12))));
    return changed;
  };
  EXPECT_EQ(ErrorOf(with_header(8, 2)),
            "unsupported: log 000001.wal @0: log format version 2, this program reads version 1");
  EXPECT_EQ(ErrorOf(with_header(60, 4)),
            "unsupported: log 000001.wal @0: log feature bits 4 are not known");

  Contents raft = contents;
  char* record = raft["000001.wal"].data() + kFirstRecord;
  const auto header = wal::DecodeSegmentHeader(raft["000001.wal"]).value();
  auto fields = wal::LoadRecordHeader(record);
  fields.kind = wal::RecordKind::kRaftEntry;
  wal::StoreRecordFields(record, fields);
  wal::SealRecordHeader(record, {{1}, kFirstRecord},
                        Crc32c({record + wal::kRecordHeaderBytes, fields.length},
                               wal::RunningCrcOfFields(record, header.crc)));
  EXPECT_EQ(ErrorOf(raft),
            "unsupported: log 000001.wal @4096: record kind 3 (raft entry) belongs in another log");
}

TEST(RaftEntries, AreReplayedAndReadAloneByTheirPlaces) {
  MemoryFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("/db"));
  auto log = MakeLog({.files = files, .content = LogContent::kRaftEntries}).value();
  std::vector<LogRecord> appended;
  std::vector<std::string> payloads;
  for (std::uint64_t n = 1; n <= 200; ++n) {
    payloads.push_back(PayloadOf(n, 400));
    ASSERT_TRUE(AppendOne(*log, n, payloads.back()));
    appended.push_back({.place = log->last_place(), .first = {n}, .payload = {}});
  }
  EXPECT_GT(appended.back().place.segment, appended.front().place.segment);
  std::size_t seen = 0;
  ASSERT_TRUE(
      ReplayLog(files, "/db", {{1}, LogContent::kRaftEntries}, [&](const LogRecord& record) {
        EXPECT_EQ(record.place, appended[seen].place);
        EXPECT_EQ(record.first, appended[seen].first);
        EXPECT_EQ(ReadLogRecord(files, "/db", record.place).value(), payloads[seen]);
        ++seen;
        return Result<void>();
      }));
  EXPECT_EQ(seen, 200u);
  EXPECT_EQ(Replay(files, "/db").error().context,
            "log 000001.wal @4096: record kind 3 (raft entry) belongs in another log");

  std::string bytes = ReadWholeFile(files, "/db/000001.wal").value();
  bytes[appended[3].place.offset + wal::kRecordHeaderBytes] ^= 1;
  files.SetContent("/db/000001.wal", bytes);
  EXPECT_EQ(
      ReadLogRecord(files, "/db", appended[3].place).error(),
      (Error{ErrorCode::kCorruption, "log 000001.wal @" + std::to_string(appended[3].place.offset) +
                                         ": record checksum does not match"}));
}

// Three segments, synced now and then. A flip may cost the unsynced tail, or be reported; it may
// never change a record, and never cut below what the log itself says was synced.
class ThreeSegments : public Damage {
 protected:
  ThreeSegments() {
    Append(15);
    log_->Sync().value();
    Append(10);
    log_->StartSegment().value();
    Append(20);
    log_->Sync().value();
    Append(15);
    log_->StartSegment().value();
    Append(10);
    recorded_ = written_;
    log_->Sync().value();
    Append(12);
    contents_ = ContentsOf(*files_);
  }
  const std::string& NameOf(int index) { return std::next(contents_.begin(), index)->first; }

  Contents contents_;
  std::uint64_t recorded_ = 0;  // Records that a later one calls synced.
};

TEST_F(ThreeSegments, AFlipAtAnyByteNeverChangesARecordNorCutsWhatWasSynced) {
  ASSERT_EQ(contents_.size(), 3u);
  int reported = 0;
  int cut = 0;
  for (int segment = 0; segment < 3; ++segment) {
    const std::string& name = NameOf(segment);
    for (std::size_t at = 0; at < 8192; ++at) {
      Contents damaged = contents_;
      damaged[name][at] ^= static_cast<char>(1 << (at % 8));
      const auto replayed = Replay(*FilesOf(damaged), "/db");
      if (!replayed) {
        ++reported;
        ASSERT_EQ(replayed.error().code, ErrorCode::kCorruption) << name << "@" << at;
        ASSERT_TRUE(replayed.error().context.starts_with("log 0000")) << replayed.error().context;
        continue;
      }
      ASSERT_TRUE(IsPrefix(replayed->records)) << name << "@" << at;
      ASSERT_GE(replayed->records.size(), recorded_) << name << "@" << at;
      cut += replayed->records.size() < written_ ? 1 : 0;
    }
  }
  EXPECT_GT(reported, 3000);
  EXPECT_GT(cut, 300);
}

TEST_F(ThreeSegments, ATruncationAtAnyByteNeverChangesARecord) {
  for (int segment = 0; segment < 3; ++segment) {
    const std::string& name = NameOf(segment);
    for (std::size_t size = 0; size < 8192; ++size) {
      Contents damaged = contents_;
      damaged[name].resize(size);
      const auto replayed = Replay(*FilesOf(damaged), "/db");
      if (!replayed) {
        ASSERT_EQ(replayed.error().code, ErrorCode::kCorruption) << name << "@" << size;
        continue;
      }
      ASSERT_TRUE(IsPrefix(replayed->records)) << name << "@" << size;
      ASSERT_TRUE(segment == 2 || replayed->records.size() == written_) << name << "@" << size;
    }
  }
}

TEST_F(ThreeSegments, HostileHeadersWithValidChecksumsAreErrorsNotCrashes) {
  Random random(1);
  for (int round = 0; round < 20000; ++round) {
    Contents damaged = contents_;
    std::string& bytes = damaged[NameOf(static_cast<int>(random.Below(3)))];
    const std::size_t at = 16 + 8 * random.Below(10);
    StoreLittle(bytes.data() + at, random.OneIn(2) ? random.Next() : random.Below(20000));
    StoreLittle(bytes.data() + 12,
                Crc32c(std::string_view(bytes).substr(16, 80), Crc32c(bytes.substr(0, 12))));
    const auto replayed = Replay(*FilesOf(damaged), "/db");
    ASSERT_TRUE(!replayed || IsPrefix(replayed->records));
  }
}

TEST_F(ThreeSegments, SegmentsBelowTheLiveOnesAreNotLookedAt) {
  contents_[NameOf(0)] = "rubbish";
  const Replayed replayed = Replay(*FilesOf(contents_), "/db", {2}).value();
  ASSERT_FALSE(replayed.records.empty());
  EXPECT_EQ(replayed.records.front().first, 26u);
  EXPECT_EQ(replayed.records.back().first, written_);
  EXPECT_EQ(replayed.report.segments, (std::vector<WalNumber>{{1}, {2}, {3}}));
}

}  // namespace
}  // namespace firn
