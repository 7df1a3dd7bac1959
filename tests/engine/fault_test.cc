// SPDX-License-Identifier: Apache-2.0
//
// Every operation on files fails once, and from there on for ever: for each script and each kind of
// operation the first is made to fail, then the second, until the fault is no longer met. Whatever
// happens, an open database shows only what was written, an error names its file, writing ends with
// the first failed write, a full disk heals, and after a power loss everything acknowledged to disk
// is there.
#include <gtest/gtest.h>

#include <cstdio>

#include "engine/scripts.h"
#include "engine/test_run.h"

namespace firn {
namespace {

bool NamesAFile(const Error& error) { return error.context.find('/') != std::string::npos; }

class FaultTrial {
 public:
  FaultTrial(const Script& script, WalAppend way, const Fault& fault)
      : fault_(fault), story_(MakeOptions(way)) {
    story_.engine().files().Plant(fault);
    script.run(story_, 1);
    hit_ = story_.engine().files().faults_hit() > 0;
    if (hit_) {
      Judge();
    }
  }

  bool hit() const { return hit_; }

 private:
  static Options MakeOptions(WalAppend way) {
    Options options = SmallOptions();
    options.wal_append = way;
    return options;
  }

  void Judge() {
    EXPECT_EQ(story_.wrong(), "");
    for (const Error& error : story_.errors()) {
      EXPECT_TRUE(NamesAFile(error)) << error.Describe();
    }
    if (story_.is_open()) {
      story_.Check();
      EXPECT_EQ(story_.wrong(), "");
      JudgeWriting();
    }
    Random random(3);
    for (const unsigned percent : {0u, 60u}) {
      JudgeReopening(random, percent);
    }
  }

  void JudgeWriting() {
    if (story_.write_failed()) {
      const Result<void> put = story_.engine().Put("refused", "x");
      EXPECT_FALSE(put.has_value());
      EXPECT_EQ(put ? ErrorCode::kIo : put.error().code, ErrorCode::kReadOnly);
    }
    if (fault_.code != ErrorCode::kNoSpace) {
      return;
    }
    for (const Error& error : story_.errors()) {
      // SUPER is written in place: no space for it is no passing state.
      if (error.context.find("SUPER") != std::string::npos) {
        return;
      }
    }
    story_.engine().files().ClearFaults();
    story_.Advance(Backoff::kLongest + std::chrono::seconds(1));
    story_.Run();
    const std::size_t errors = story_.errors().size();
    story_.Put("healed", "yes", true);
    story_.Flush();
    EXPECT_EQ(story_.errors().size(), errors) << story_.errors().back().Describe();
    story_.Check();
    EXPECT_EQ(story_.wrong(), "");
  }

  void JudgeReopening(Random& random, unsigned percent) {
    TestEngine after(7, story_.engine().memory().CloneAfterPowerLoss(random, percent));
    const Result<void> opened = after.Open(story_.options());
    ASSERT_TRUE(opened.has_value()) << opened.error().Describe();
    const auto content = ReadAll(after.engine());
    ASSERT_TRUE(content.has_value()) << content.error().Describe();
    const History::Bounds bounds = story_.history().AfterPowerLoss();
    EXPECT_TRUE(story_.history().PrefixThatGives(*content, bounds).has_value())
        << "not the content after " << bounds.least << " to " << bounds.most << " writes";
    const auto verified = after.engine().Verify();
    EXPECT_TRUE(verified.has_value()) << verified.error().Describe();
  }

  const Fault fault_;
  Story story_;
  bool hit_ = false;
};

std::vector<Fault> FaultsToTry() {
  std::vector<Fault> faults;
  for (const OperationKind kind :
       {OperationKind::kOpen, OperationKind::kCreate, OperationKind::kAllocate,
        OperationKind::kRead, OperationKind::kWrite, OperationKind::kLend, OperationKind::kCommit,
        OperationKind::kSync, OperationKind::kClose, OperationKind::kSyncDirectory,
        OperationKind::kDelete, OperationKind::kLink, OperationKind::kRename,
        OperationKind::kList}) {
    for (const bool for_ever : {false, true}) {
      faults.push_back({.kind = kind, .for_ever = for_ever});
    }
  }
  for (const OperationKind kind :
       {OperationKind::kCreate, OperationKind::kAllocate, OperationKind::kWrite}) {
    for (const bool for_ever : {false, true}) {
      faults.push_back({.kind = kind, .for_ever = for_ever, .code = ErrorCode::kNoSpace});
    }
  }
  // As when somebody deletes the directory.
  for (const OperationKind kind :
       {OperationKind::kCreate, OperationKind::kDelete, OperationKind::kRename}) {
    for (const bool for_ever : {false, true}) {
      faults.push_back({.kind = kind, .for_ever = for_ever, .code = ErrorCode::kNotFound});
    }
  }
  faults.push_back({.kind = OperationKind::kWrite, .half_done = true});
  faults.push_back({.kind = OperationKind::kWrite, .code = ErrorCode::kNoSpace, .half_done = true});
  faults.push_back({.kind = OperationKind::kSync, .drops_unsynced = true});
  return faults;
}

std::vector<Script> ScriptsToTry() {
  std::vector<Script> scripts = AllScripts();
  // No log is another matter, and the roll-over is long.
  std::erase_if(scripts, [](const Script& script) {
    return !script.wal || script.name == "ManifestRollOver";
  });
  return scripts;
}

class FaultDuring : public testing::TestWithParam<Script> {};

TEST_P(FaultDuring, LosesNothingThatWasOnDiskAndShowsNothingThatWasNot) {
  std::uint64_t trials = 0;
  for (Fault fault : FaultsToTry()) {
    // A process that is killed after a failed sync leaves pages that nobody will ever write.
    if (fault.drops_unsynced &&
        (GetParam().name == "OpeningAgain" || GetParam().name == "Closing")) {
      continue;
    }
    for (const WalAppend way : {WalAppend::kWrite, WalAppend::kMapped}) {
      for (fault.nth = 1;; fault.nth += 1 + fault.nth / (kIsSanitized ? 8 : 30)) {
        SCOPED_TRACE(std::string(Name(fault.kind)) + " " + std::to_string(fault.nth) +
                     (fault.for_ever ? " for ever " : " once ") + std::string(Name(fault.code)) +
                     (fault.half_done ? " half done" : "") +
                     (fault.drops_unsynced ? " drops" : "") +
                     (way == WalAppend::kWrite ? " written" : " mapped"));
        const FaultTrial trial(GetParam(), way, fault);
        ++trials;
        if (!trial.hit() || HasFailure()) {
          break;
        }
      }
      if (HasFailure()) {
        return;
      }
    }
  }
  std::printf("%s: %llu faults\n", GetParam().name.c_str(),
              static_cast<unsigned long long>(trials));
}

INSTANTIATE_TEST_SUITE_P(Scripts, FaultDuring, testing::ValuesIn(ScriptsToTry()),
                         [](const auto& test) { return test.param.name; });

TEST(Fault, AFullDiskStopsWritesAloneAndGoesOnWhenThereIsSpace) {
  for (const WalAppend way : {WalAppend::kWrite, WalAppend::kMapped}) {
    Options options = SmallOptions();
    options.wal_append = way;
    TestEngine engine;
    engine.files().SetQuota(6 << 20);
    ASSERT_TRUE(engine.Open(options).has_value());
    History::Content written;
    Result<void> put;
    for (int i = 0; put && i < 100'000; ++i) {
      const std::string key = Story::Key(static_cast<std::uint64_t>(i));
      const std::string value(500, static_cast<char>('a' + i * 7 % 26));
      put = engine.Put(key, value);
      if (put) {
        written[key] = value;
      }
    }
    ASSERT_FALSE(put.has_value());
    EXPECT_EQ(put.error().code, ErrorCode::kNoSpace) << put.error().Describe();
    EXPECT_EQ(ReadAll(engine.engine()).value(), written);

    engine.files().SetQuota(64 << 20);
    engine.scheduler().Advance(std::chrono::seconds(1));
    engine.scheduler().RunUntilIdle();
    for (int i = 0; i < 300; ++i) {
      const Result<void> again = engine.Put("more" + std::to_string(i), std::string(500, 'm'));
      ASSERT_TRUE(again.has_value()) << again.error().Describe();
      written["more" + std::to_string(i)] = std::string(500, 'm');
    }
    ASSERT_TRUE(engine.engine().CompactRange({}).has_value());
    EXPECT_EQ(ReadAll(engine.engine()).value(), written);
    Random random(1);
    ASSERT_TRUE(engine.engine().Sync().has_value());
    engine.CrashByPowerLoss(random, 0);
    ASSERT_TRUE(engine.Open(options).has_value());
    EXPECT_EQ(ReadAll(engine.engine()).value(), written);
  }
}

TEST(Fault, TooFewFileDescriptorsAreAnErrorOfTheOperationThatNeededOne) {
  Story whole(SmallOptions());
  DeepCompactions(whole, 1);
  Random random(1);
  std::uint64_t refused = 0;
  for (std::size_t limit = 1; limit < 40; ++limit) {
    TestEngine engine(1, whole.engine().memory().CloneAfterKill());
    engine.files().SetOpenLimit(limit);
    const Result<void> opened = engine.Open(whole.options());
    refused += opened ? 0 : 1;
    if (opened) {
      for (std::uint64_t i = 0; i < 200; ++i) {
        const auto got = engine.Get(Story::Key(i));
        const auto want = whole.engine().Get(Story::Key(i));
        if (got) {
          ASSERT_EQ(*got, want.value());
        } else {
          EXPECT_EQ(got.error().code, ErrorCode::kNoSpace);
          EXPECT_TRUE(NamesAFile(got.error()));
        }
      }
    } else {
      EXPECT_EQ(opened.error().code, ErrorCode::kNoSpace) << opened.error().Describe();
    }
    engine.CrashByPowerLoss(random);
    const Result<void> again = engine.Open(whole.options());
    ASSERT_TRUE(again.has_value()) << again.error().Describe();
    EXPECT_TRUE(
        whole.history()
            .PrefixThatGives(ReadAll(engine.engine()).value(), whole.history().AfterPowerLoss())
            .has_value());
  }
  EXPECT_GT(refused, 0u);
}

}  // namespace
}  // namespace firn
