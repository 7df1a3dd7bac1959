// SPDX-License-Identifier: Apache-2.0
//
// What crashes and damage leave of the plain log.
#include "node/plain_log.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "io/faulty_file_system.h"
#include "io/memory_file_system.h"

namespace firn::node {
namespace {

constexpr const char* kDirectory = "/data";
constexpr const char* kFirstFile = "/data/plain-00000000000000000000.log";

class PlainLogTest : public testing::Test {
 protected:
  PlainLogTest() { EXPECT_TRUE(memory_->CreateDirectory(kDirectory)); }

  PlainLog Open() { return PlainLog(memory_, kDirectory); }
  std::string Content(const std::string& path) { return ReadWholeFile(*memory_, path).value(); }

  // "3 entries, 40 bytes", or the error.
  std::string State() {
    PlainLog log = Open();
    const Result<PlainLog::Info> info = log.GetInfo();
    return info ? std::to_string(info->entries) + " entries, " + std::to_string(info->bytes) +
                      " bytes"
                : info.error().Describe();
  }

  std::shared_ptr<MemoryFileSystem> memory_ = std::make_shared<MemoryFileSystem>();
};

TEST_F(PlainLogTest, IsWrittenAsTheDocumentSays) {
  PlainLog log = Open();
  const PlainLog::Appended appended = log.Append("123456789").value();
  EXPECT_EQ(appended.offset, 0u);
  EXPECT_EQ(appended.checksum, 0xCBF43926u);
  EXPECT_EQ(log.Append("x").value().offset, 17u);
  EXPECT_EQ(Content(kFirstFile).substr(0, 17), std::string("\x09\0\0\0\x26\x39\xF4\xCB"
                                                           "123456789",
                                                           17));
}

TEST_F(PlainLogTest, SurvivesPowerLossOnceAcknowledged) {
  Random random(1);
  std::uint64_t entries = 0;
  for (int round = 0; round < 20; ++round) {
    PlainLog log = Open();
    for (int i = 0; i < 3; ++i, ++entries) {
      ASSERT_TRUE(log.Append("round " + std::to_string(round)));
    }
    memory_ = memory_->CloneAfterPowerLoss(random, 0);
    ASSERT_EQ(Open().GetInfo().value().entries, entries);
  }
}

TEST_F(PlainLogTest, CutsATornTailOfAnyLengthAndGoesOn) {
  ASSERT_TRUE(Open().Append("first"));
  PlainLog log = Open();
  ASSERT_TRUE(log.Append("second"));
  ASSERT_TRUE(log.Append("third"));
  const std::string second_file = "/data/plain-00000000000000000013.log";
  const std::string whole = Content(second_file);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    memory_->SetContent(second_file, whole.substr(0, length));
    EXPECT_EQ(State(), length < 14 ? "1 entries, 13 bytes" : "2 entries, 27 bytes") << length;
  }
  for (const std::string& tail : {std::string(10, '\0'), std::string(10, '\xFF')}) {
    memory_->SetContent(second_file, whole.substr(0, 14) + tail);
    EXPECT_EQ(State(), "2 entries, 27 bytes");
  }
  PlainLog next = Open();
  EXPECT_EQ(next.Append("fourth").value().offset, 27u);
  EXPECT_EQ(Open().Read(27).value().payload, "fourth");
  EXPECT_EQ(Open().Read(13).value().payload, "second");
}

TEST_F(PlainLogTest, ReplacesAFileInWhichNothingWasAcknowledged) {
  memory_->SetContent(kFirstFile, "torn");
  EXPECT_EQ(State(), "0 entries, 0 bytes");
  EXPECT_EQ(Open().Append("x").value().offset, 0u);
  EXPECT_EQ(State(), "1 entries, 9 bytes");
}

TEST_F(PlainLogTest, ShowsDamageInTheMiddleAndKeepsTheRest) {
  PlainLog log = Open();
  ASSERT_TRUE(log.Append("aaa"));
  ASSERT_TRUE(log.Append("bbb"));
  ASSERT_TRUE(log.Append("ccc"));
  std::string content = Content(kFirstFile);
  content[19] = 'X';  // In the payload of the second entry, which starts at 11.
  memory_->SetContent(kFirstFile, content);
  PlainLog damaged = Open();
  EXPECT_EQ(damaged.GetInfo().value().entries, 3u);
  EXPECT_TRUE(damaged.Read(0).value().checksum_is_valid);
  EXPECT_FALSE(damaged.Read(11).value().checksum_is_valid);
  EXPECT_EQ(damaged.Read(11).value().payload, "Xbb");
  EXPECT_TRUE(damaged.Read(22).value().checksum_is_valid);
}

TEST_F(PlainLogTest, ReportsAcknowledgedEntriesThatAreLost) {
  ASSERT_TRUE(Open().Append("aaa"));
  ASSERT_TRUE(Open().Append("bbb"));
  memory_->SetContent(kFirstFile, Content(kFirstFile).substr(0, 5));
  EXPECT_EQ(State(), std::string("corruption: ") + kFirstFile +
                         " @0: no entry, but the next file starts at 11");
  ASSERT_TRUE(memory_->Delete(kFirstFile));
  EXPECT_EQ(State(),
            "corruption: /data/plain-00000000000000000011.log: starts at 11, the file before it "
            "ends at 0");
}

TEST_F(PlainLogTest, ShowsDamageToTheLastEntryBeforeALaterFile) {
  ASSERT_TRUE(Open().Append("aaa"));
  ASSERT_TRUE(Open().Append("bbb"));
  std::string content = Content(kFirstFile);
  content.back() ^= 1;
  memory_->SetContent(kFirstFile, content);
  EXPECT_EQ(State(), "2 entries, 22 bytes");
  EXPECT_FALSE(Open().Read(0).value().checksum_is_valid);
}

TEST_F(PlainLogTest, OverlooksFilesThatAreNotItsOwn) {
  for (const char* name : {"plain.log", "plain-1.log", "plain-0000000000000000000x.log",
                           "plain-99999999999999999999.log", "L0_001.sst"}) {
    memory_->SetContent(JoinPath(kDirectory, name), "hello");
  }
  EXPECT_EQ(State(), "0 entries, 0 bytes");
}

TEST_F(PlainLogTest, EndsWithTheFirstFailure) {
  auto faulty = std::make_shared<FaultyFileSystem>(memory_);
  PlainLog log(faulty, kDirectory);
  ASSERT_TRUE(log.Append("aaa"));
  faulty->Plant({.kind = OperationKind::kSync});
  EXPECT_EQ(log.Append("bbb").error().code, ErrorCode::kIo);
  EXPECT_EQ(log.Append("ccc").error().code, ErrorCode::kReadOnly);
  EXPECT_FALSE(log.GetInfo().value().is_synced);
  EXPECT_EQ(log.Read(0).value().payload, "aaa");
  EXPECT_EQ(faulty->faults_hit(), 1u);
}

TEST_F(PlainLogTest, TriesAgainToOpenWhatItCouldNot) {
  ASSERT_TRUE(Open().Append("aaa"));
  auto faulty = std::make_shared<FaultyFileSystem>(memory_);
  PlainLog log(faulty, kDirectory);
  faulty->Plant({.kind = OperationKind::kRead});
  EXPECT_FALSE(log.GetInfo());
  EXPECT_EQ(log.GetInfo().value().entries, 1u);
}

}  // namespace
}  // namespace firn::node
