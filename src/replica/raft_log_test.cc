// SPDX-License-Identifier: Apache-2.0
#include "replica/raft_log.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "golden/golden.h"
#include "io/faulty_file_system.h"
#include "io/memory_file_system.h"
#include "replica/ballot.h"
#include "replica/command.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

constexpr LogStart kBootstrap{.index = {1}, .term = {1}};

RaftLogSetup SetupOn(FileSystem& files, LogStart flushed = kBootstrap, WalNumber min_live = {1}) {
  return {.files = files,
          .directory = "/raft",
          .create = false,
          .segment_bytes = 16 << 10,
          .way = WalAppend::kWrite,
          .cache_bytes = 1000,
          .flushed = flushed,
          .min_live = min_live};
}

std::unique_ptr<RaftLog> Create(FileSystem& files, LogStart flushed = kBootstrap) {
  files.CreateDirectory("/raft").value();
  RaftLogSetup setup = SetupOn(files, flushed);
  setup.create = true;
  return RaftLog::Open(std::move(setup)).value();
}

std::unique_ptr<RaftLog> Reopen(FileSystem& files, LogStart flushed = kBootstrap,
                                WalNumber min_live = {1}) {
  return RaftLog::Open(SetupOn(files, flushed, min_live)).value();
}

LogEntry EntryAt(std::uint64_t index, std::uint64_t term) {
  return {.term = {term},
          .index = {index},
          .kind = index % 7 == 0 ? EntryKind::kMembership : EntryKind::kData,
          .data = std::to_string(index) + "@" + std::to_string(term) +
                  std::string(index * 37 % 300, 'x')};
}

void Append(RaftLog& log, std::vector<LogEntry> entries, LogIndex commit = {}) {
  const RaftLog::Places places = log.Write(entries, commit).value();
  log.Adopt(std::move(entries), places);
}

void AppendRange(RaftLog& log, std::uint64_t first, std::uint64_t last, std::uint64_t term) {
  for (std::uint64_t index = first; index <= last; ++index) {
    Append(log, {EntryAt(index, term)});
  }
}

TEST(RaftLog, ANewLogBeginsAfterItsStart) {
  MemoryFileSystem files;
  const auto log = Create(files);
  EXPECT_EQ(log->FirstIndex(), (LogIndex{2}));
  EXPECT_EQ(log->LastIndex(), (LogIndex{1}));
  EXPECT_EQ(log->TermAt({1}), (Term{1}));
  EXPECT_EQ(log->TermAt({2}), (Term{}));
}

TEST(RaftLog, AJoinerBeginsWithNothing) {
  MemoryFileSystem files;
  EXPECT_EQ(Create(files, {})->FirstIndex(), (LogIndex{1}));
  EXPECT_EQ(Reopen(files, {})->FirstIndex(), (LogIndex{1}));
}

TEST(RaftLog, EntriesAreReadBackFromMemoryAndFromDisk) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 200, 3);
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(log->LastIndex(), (LogIndex{200}));
    for (std::uint64_t index = 2; index <= 200; ++index) {
      EXPECT_EQ(log->Read({index}).value(), EntryAt(index, 3));
      EXPECT_EQ(log->TermAt({index}), (Term{3}));
    }
    log.reset();
    log = Reopen(files);
  }
}

TEST(RaftLog, AnEntryTruncatesWhatStandsFromThereOn) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 50, 1);
  Append(*log, {EntryAt(20, 2), EntryAt(21, 2)});
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(log->LastIndex(), (LogIndex{21}));
    EXPECT_EQ(log->Read({19}).value(), EntryAt(19, 1));
    EXPECT_EQ(log->Read({20}).value(), EntryAt(20, 2));
    log.reset();
    log = Reopen(files);
  }
}

TEST(RaftLog, AtProcessDurabilityEntriesSurviveTheProcessAndChangesOfTheMembershipPowerLoss) {
  MemoryFileSystem files;
  files.CreateDirectory("/raft").value();
  RaftLogSetup setup = SetupOn(files);
  setup.create = true;
  setup.durability = Durability::kProcess;
  const auto log = RaftLog::Open(std::move(setup)).value();
  AppendRange(*log, 2, 8, 1);  // 7 changes the membership.
  EXPECT_EQ(Reopen(*files.CloneAfterKill())->LastIndex(), (LogIndex{8}));
  Random random(1);
  EXPECT_EQ(Reopen(*files.CloneAfterPowerLoss(random, 0))->LastIndex(), (LogIndex{7}));
  log->Sync().value();
  EXPECT_EQ(Reopen(*files.CloneAfterPowerLoss(random, 0))->LastIndex(), (LogIndex{8}));
}

TEST(RaftLog, RemembersTheCommitIndex) {
  MemoryFileSystem files;
  auto log = Create(files);
  Append(*log, {EntryAt(2, 1)}, {1});
  Append(*log, {EntryAt(3, 1), EntryAt(4, 1)}, {2});
  EXPECT_EQ(Reopen(files)->recovered_commit(), (LogIndex{2}));
}

TEST(RaftLog, TrimmingDeletesSegmentsAndKeepsTheTermBeforeTheFirst) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 400, 1);
  AppendRange(*log, 401, 410, 2);
  const std::size_t segments = files.List("/raft").value().size();
  ASSERT_GT(segments, 3u);
  const LogIndex point = log->TrimPoint(2000);
  ASSERT_GT(point, (LogIndex{300}));
  log->Trim(point);
  EXPECT_LE(log->bytes(), 2000u);
  const WalNumber min_live = log->min_live_segment();
  log->ReleaseSegments(min_live).value();
  EXPECT_LT(files.List("/raft").value().size(), segments);
  const LogStart flushed{point, log->TermAt(point)};
  log.reset();
  log = Reopen(files, flushed, min_live);
  EXPECT_LE(log->FirstIndex(), point.Next()) << "what is not flushed is still there";
  EXPECT_EQ(log->LastIndex(), (LogIndex{410}));
  EXPECT_EQ(log->TermAt(point), flushed.term);
  EXPECT_EQ(log->Read(point.Next()).value(), EntryAt(point.value + 1, 1));
}

TEST(RaftLog, TrimmingEverythingLeavesThePosition) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 300, 4);
  log->Trim({300});
  const WalNumber min_live = log->min_live_segment();
  log->ReleaseSegments(min_live).value();
  log.reset();
  log = Reopen(files, {.index = {300}, .term = {4}}, min_live);
  EXPECT_EQ(log->LastIndex(), (LogIndex{300}));
  AppendRange(*log, 301, 302, 4);
  EXPECT_EQ(Reopen(files, {.index = {300}, .term = {4}}, min_live)->Read({301}).value(),
            EntryAt(301, 4));
}

TEST(RaftLog, AStateSnapshotTakesThePlaceOfAllEntries) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 60, 1);
  log->Reset({.index = {40}, .term = {5}}).value();
  EXPECT_EQ(log->FirstIndex(), (LogIndex{41}));
  EXPECT_EQ(log->LastIndex(), (LogIndex{40}));
  AppendRange(*log, 41, 45, 5);
  log = Reopen(files, {.index = {40}, .term = {5}});
  EXPECT_EQ(log->FirstIndex(), (LogIndex{41}));
  EXPECT_EQ(log->Read({45}).value(), EntryAt(45, 5));
}

// The state machine was switched to a snapshot, and the process died before the log was.
TEST(RaftLog, ALogThatTheTablesHaveOvertakenBeginsAnew) {
  for (const LogStart flushed : {LogStart{{90}, {2}}, LogStart{{30}, {2}}}) {
    MemoryFileSystem files;
    AppendRange(*Create(files), 2, 60, 1);
    auto log = Reopen(files, flushed);
    EXPECT_EQ(log->LastIndex(), flushed.index);
    EXPECT_EQ(log->TermAt(flushed.index), flushed.term);
    log = Reopen(files, flushed);
    EXPECT_EQ(log->FirstIndex(), flushed.index.Next()) << "durably";
  }
}

TEST(RaftLog, EntriesMissingBeforeTheFirstAreCorruption) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 400, 1);
  log->Trim({300});
  const WalNumber min_live = log->min_live_segment();
  log->ReleaseSegments(min_live).value();
  const auto opened = RaftLog::Open(SetupOn(files, {.index = {10}, .term = {1}}, min_live));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
  EXPECT_NE(opened.error().context.find("the tables end with entry 10"), std::string::npos);
}

TEST(RaftLog, AMissingLogIsCorruptionUnlessOneIsToBeMade) {
  MemoryFileSystem files;
  files.CreateDirectory("/raft").value();
  EXPECT_EQ(RaftLog::Open(SetupOn(files)).error(),
            (Error{ErrorCode::kCorruption, "/raft: the replicated log is missing"}));
}

TEST(RaftLog, NothingOfAWriteThatFoundNoSpaceIsAdopted) {
  const auto memory = std::make_shared<MemoryFileSystem>();
  FaultyFileSystem files(memory);
  auto log = Create(files);
  AppendRange(*log, 2, 10, 1);
  files.Plant({.kind = OperationKind::kAllocate, .code = ErrorCode::kNoSpace});
  std::vector<LogEntry> large;
  for (std::uint64_t index = 11; index <= 400; ++index) {
    large.push_back(EntryAt(index, 1));
  }
  EXPECT_EQ(log->Write(large, {}).error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(log->LastIndex(), (LogIndex{10}));
  Append(*log, large);
  EXPECT_EQ(Reopen(files)->LastIndex(), (LogIndex{400}));
}

TEST(RaftLog, WhatItHoldsAlreadyIsNotToBeWrittenAgain) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 10, 1);
  log->Trim({4});
  std::vector<LogEntry> entries;
  for (std::uint64_t index = 3; index <= 12; ++index) {
    entries.push_back(EntryAt(index, index < 9 ? 1 : 2));
  }
  log->EraseHeld(entries);
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries.front(), EntryAt(9, 2));
  Append(*log, entries);
  log->EraseHeld(entries);
  EXPECT_TRUE(entries.empty());
}

TEST(RaftLog, DamageToASyncedEntryIsReported) {
  MemoryFileSystem files;
  auto log = Create(files);
  AppendRange(*log, 2, 30, 1);
  log.reset();
  std::string bytes = ReadWholeFile(files, "/raft/000001.wal").value();
  bytes[4096 + 24 + 24 + 30] ^= 4;
  files.SetContent("/raft/000001.wal", bytes);
  EXPECT_EQ(RaftLog::Open(SetupOn(files)).error().code, ErrorCode::kCorruption);
}

TEST(RaftLogRecord, WhatIsNoneIsRefused) {
  EXPECT_EQ(DecodeRaftLogRecord("").error().code, ErrorCode::kCorruption);
  EXPECT_EQ(DecodeRaftLogRecord(std::string(2, '\xff')).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(DecodeRaftLogRecord(std::string("\x01\x01\x07", 3)).error(),
            (Error{ErrorCode::kUnsupported, "raft entry: kind 7 needs a newer version"}));
}

std::string GroupOf(const golden::Command& command) {
  const auto number = [&](const char* name) { return std::stoull(command.Get(name)); };
  GroupBuilder group({.proposal = number("proposal"), .elapsed_ms = number("elapsed_ms")});
  group.Add({.kind = Command::Kind::kOpenSession});
  const std::string key = command.Get("absent");
  std::string operations;
  EncodePut(operations, command.Get("put"), command.Get("value"));
  group.Add({.tag = {.session = number("session"), .sequence = number("sequence")},
             .condition = {.kind = Condition::Kind::kAbsent, .key = key},
             .operations = operations});
  return group.Take();
}

// The worked examples of docs/format/raft-log.md.
std::string RunExample(const golden::Command& command) {
  const auto number = [&](const char* name) { return std::stoull(command.Get(name)); };
  if (command.name == "entry") {
    return golden::HexDump(
        EncodeRecordHead({.commit = {number("commit")},
                          .term = {number("term")},
                          .kind = static_cast<RaftLogRecord::Kind>(number("kind")),
                          .data = {}}) +
        command.Get("data"));
  }
  if (command.name == "group") {
    return golden::HexDump(GroupOf(command));
  }
  const BallotSlot slot{
      .generation = number("generation"),
      .ballot = {.term = {number("term")}, .vote = {number("vote")}, .store = number("store")}};
  return golden::HexDump(Encode(slot, slot.generation % 2).substr(0, 64));
}

TEST(RaftLogFormat, IsTheDocumentedOne) {
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/format/raft-log.md", RunExample);
}

// Random appends, truncations, trims and resets against a vector, with power lost in between: what
// was written is there, and nothing else.
class RaftLogModel {
 public:
  explicit RaftLogModel(std::uint64_t seed)
      : random_(seed), files_(std::make_shared<MemoryFileSystem>()), log_(Create(*files_)) {}

  void Step() {
    switch (random_.Below(12)) {
      case 0: CrashAndReopen(); break;
      case 1: TrimSome(); break;
      case 2:
        if (random_.OneIn(8)) {
          Install();
        }
        break;
      default: AppendSome(); break;
    }
  }

  void Check() {
    ASSERT_EQ(log_->LastIndex().value, first_ + entries_.size() - 1);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const LogIndex index{first_ + i};
      if (index >= log_->FirstIndex()) {
        ASSERT_EQ(log_->Read(index).value(), entries_[i]);
      }
    }
    ASSERT_LE(log_->FirstIndex(), flushed_.index.Next());
    ASSERT_EQ(log_->TermAt(flushed_.index), flushed_.term);
  }

 private:
  LogIndex Last() const { return {first_ + entries_.size() - 1}; }

  void AppendSome() {
    // At or above what is flushed, which is committed and never truncated.
    const std::uint64_t lowest = flushed_.index.value + 1;
    std::uint64_t next =
        random_.OneIn(6) ? lowest + random_.Below(Last().value + 2 - lowest) : Last().value + 1;
    term_ += random_.OneIn(6) || next <= Last().value ? 1 : 0;
    std::vector<LogEntry> added;
    for (std::uint64_t count = 1 + random_.Below(20); count > 0; --count) {
      added.push_back(EntryAt(next++, term_));
    }
    entries_.resize(added.front().index.value - first_);
    entries_.insert(entries_.end(), added.begin(), added.end());
    Append(*log_, added);
  }

  void TrimSome() {
    if (entries_.empty()) {
      return;
    }
    const LogIndex index{std::max(flushed_.index.value, first_ + random_.Below(entries_.size()))};
    if (index > Last()) {
      return;
    }
    flushed_ = {index, log_->TermAt(index)};
    if (index >= log_->FirstIndex()) {
      log_->Trim(index);
    }
    min_live_ = log_->min_live_segment();
    log_->ReleaseSegments(min_live_).value();
  }

  void Install() {
    flushed_ = {{Last().value + random_.Below(30)}, {++term_}};
    first_ = flushed_.index.value + 1;
    entries_.clear();
    if (random_.OneIn(2)) {
      log_->Reset(flushed_).value();
    } else {
      CrashAndReopen();
    }
  }

  void CrashAndReopen() {
    log_.reset();
    files_ = files_->CloneAfterPowerLoss(random_, static_cast<unsigned>(random_.Below(3) * 50));
    log_ = Reopen(*files_, flushed_, min_live_);
  }

  Random random_;
  std::shared_ptr<MemoryFileSystem> files_;
  std::unique_ptr<RaftLog> log_;
  std::uint64_t first_ = 2;
  std::vector<LogEntry> entries_;
  LogStart flushed_ = kBootstrap;
  WalNumber min_live_{1};
  std::uint64_t term_ = 1;
};

TEST(RaftLog, AgreesWithAVectorThroughPowerLoss) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RaftLogModel model(seed);
    for (int step = 0; step < 60 && !testing::Test::HasFatalFailure(); ++step) {
      model.Step();
      model.Check();
    }
  }
}

}  // namespace
}  // namespace firn
