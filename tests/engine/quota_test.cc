// SPDX-License-Identifier: Apache-2.0
//
// The engine when something runs out that can come back: space on the disk, or file descriptors.
// Whatever is short, reads and scans go on with what is there, a write either stands or fails with
// an error that names a file, background work is tried again at intervals that grow, and once there
// is enough everything goes on without reopening. Nothing acknowledged is ever lost.
#include <gtest/gtest.h>

#include <cstdio>

#include "engine/story.h"

namespace firn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Options OptionsFor(WalAppend way) {
  Options options = SmallOptions();
  options.wal_append = way;
  return options;
}

// A database and what it must hold.
class Writer {
 public:
  explicit Writer(WalAppend way) : options_(OptionsFor(way)) {}

  TestEngine& engine() { return engine_; }
  const History::Content& written() const { return written_; }

  void Open() { ASSERT_TRUE(engine_.Open(options_).has_value()); }

  // Writes until `count` writes stood or one fails; every fifth deletes.
  Result<void> Write(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = Story::Key(random_.Below(3'000));
      const bool deletes = random_.OneIn(5);
      const std::string value = std::to_string(++number_) + std::string(random_.Below(700), 'v');
      if (Result<void> result = deletes ? engine_.Delete(key) : engine_.Put(key, value); !result) {
        return result;
      }
      if (deletes) {
        written_.erase(key);
      } else {
        written_[key] = value;
      }
    }
    return {};
  }

  // Writes until one fails, which it must for want of space.
  void WriteUntilFull() {
    const Result<void> result = Write(1'000'000);
    ASSERT_FALSE(result.has_value());
    ASSERT_EQ(result.error().code, ErrorCode::kNoSpace) << result.error().Describe();
    EXPECT_NE(result.error().context.find('/'), std::string::npos) << result.error().Describe();
  }

  void ExpectEverythingReadable() {
    const auto content = ReadAll(engine_.engine());
    ASSERT_TRUE(content.has_value()) << content.error().Describe();
    EXPECT_TRUE(*content == written_);
    for (std::uint64_t i = 0; i < 3'000; i += 17) {
      const auto got = engine_.Get(Story::Key(i));
      ASSERT_TRUE(got.has_value()) << got.error().Describe();
      const auto want = written_.find(Story::Key(i));
      ASSERT_EQ(got->has_value(), want != written_.end());
      ASSERT_TRUE(!*got || **got == want->second);
    }
  }

  // After a power loss that keeps nothing unsynced.
  void ExpectNothingLost() {
    ASSERT_TRUE(engine_.engine().Sync().has_value());
    Random random(1);
    engine_.CrashByPowerLoss(random, 0);
    Open();
    ExpectEverythingReadable();
    const auto verified = engine_.engine().Verify();
    EXPECT_TRUE(verified.has_value()) << verified.error().Describe();
  }

  void Advance(std::chrono::nanoseconds time) {
    engine_.scheduler().Advance(time);
    engine_.scheduler().RunUntilIdle();
  }

 private:
  const Options options_;
  TestEngine engine_;
  Random random_{5};
  History::Content written_;
  std::uint64_t number_ = 0;
};

class Shortage : public testing::TestWithParam<WalAppend> {};

INSTANTIATE_TEST_SUITE_P(Ways, Shortage, testing::Values(WalAppend::kWrite, WalAppend::kMapped),
                         [](const auto& test) {
                           return test.param == WalAppend::kWrite ? "Written" : "Mapped";
                         });

TEST_P(Shortage, OfSpaceEndsAsOftenAsThereIsMore) {
  Writer writer(GetParam());
  writer.engine().files().SetQuota(5 << 20);
  writer.Open();
  for (std::uint64_t mebibytes = 6; mebibytes < 16; ++mebibytes) {
    writer.WriteUntilFull();
    writer.ExpectEverythingReadable();
    writer.engine().files().SetQuota(mebibytes << 20);
    writer.Advance(seconds(4));
  }
  writer.engine().files().SetQuota(std::nullopt);
  writer.Advance(seconds(4));
  const Result<void> result = writer.Write(5'000);
  ASSERT_TRUE(result.has_value()) << result.error().Describe();
  const auto compacted = writer.engine().engine().CompactRange({});
  ASSERT_TRUE(compacted.has_value()) << compacted.error().Describe();
  writer.ExpectEverythingReadable();
  writer.ExpectNothingLost();
}

TEST_P(Shortage, OfSpaceLosesNothingWhenThePowerGoesMeanwhile) {
  Writer writer(GetParam());
  writer.engine().files().SetQuota(5 << 20);
  writer.Open();
  writer.WriteUntilFull();
  writer.ExpectNothingLost();
  EXPECT_TRUE(writer.Write(500).has_value());
}

// Each tick of the timer would be six hundred tries; without a back-off each write that fails
// brings one more.
TEST_P(Shortage, OfSpaceIsNotTriedAgainAllTheTime) {
  Writer writer(GetParam());
  writer.Open();
  // Of tables alone: with a quota the log may be what is short, and then no flush is due.
  writer.engine().files().Plant({.kind = OperationKind::kWrite,
                                 .name_part = ".sst",
                                 .for_ever = true,
                                 .code = ErrorCode::kNoSpace});
  writer.WriteUntilFull();
  writer.Advance(seconds(10));
  const std::uint64_t before = writer.engine().files().Count(OperationKind::kCreate);
  for (int i = 0; i < 600; ++i) {
    static_cast<void>(writer.Write(1));
    writer.Advance(milliseconds(100));
  }
  const std::uint64_t tries = writer.engine().files().Count(OperationKind::kCreate) - before;
  std::printf("%llu tries in a minute\n", static_cast<unsigned long long>(tries));
  EXPECT_GE(tries, 10u);  // Or it would not find space that comes back unseen.
  EXPECT_LE(tries, 100u);
}

TEST_P(Shortage, OfSpaceEndsAtOnceWhereTheFileSystemShowsThatThereIsMore) {
  Writer writer(GetParam());
  writer.engine().files().SetQuota(5 << 20);
  writer.Open();
  writer.WriteUntilFull();
  writer.Advance(seconds(30));  // By now it is tried every few seconds only.
  writer.engine().files().SetQuota(64 << 20);
  writer.Advance(milliseconds(200));
  const Result<void> result = writer.Write(500);
  EXPECT_TRUE(result.has_value()) << result.error().Describe();
}

TEST_P(Shortage, OfDescriptorsEndsWhenThereAreSome) {
  Writer writer(GetParam());
  writer.Open();
  ASSERT_TRUE(writer.Write(20'000).has_value());
  ASSERT_TRUE(writer.engine().Close().has_value());
  writer.Open();
  TestEngine& engine = writer.engine();
  engine.files().SetOpenLimit(engine.files().open_files());

  std::uint64_t refused = 0;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    const auto got = engine.Get(Story::Key(i));
    const auto want = writer.written().find(Story::Key(i));
    if (!got) {
      ++refused;
      EXPECT_EQ(got.error().code, ErrorCode::kNoSpace) << got.error().Describe();
      EXPECT_NE(got.error().context.find("too many open files"), std::string::npos);
      EXPECT_NE(got.error().context.find(".sst"), std::string::npos) << got.error().Describe();
    } else {
      ASSERT_EQ(got->has_value(), want != writer.written().end());
      ASSERT_TRUE(!*got || **got == want->second);
    }
  }
  EXPECT_GT(refused, 0u);
  writer.WriteUntilFull();
  writer.Advance(seconds(10));

  engine.files().SetOpenLimit(std::nullopt);
  writer.Advance(seconds(4));
  writer.ExpectEverythingReadable();
  const Result<void> result = writer.Write(5'000);
  ASSERT_TRUE(result.has_value()) << result.error().Describe();
  writer.ExpectEverythingReadable();
  writer.ExpectNothingLost();
}

}  // namespace
}  // namespace firn
