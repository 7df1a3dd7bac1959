// SPDX-License-Identifier: Apache-2.0
//
// Thousands of crashes at random moments of random runs, each followed by recoveries that crash
// again. After every one: what was acknowledged as synced is there, what is there is a prefix of
// what was written, and no damage is reported, because a crash damages nothing that was promised.
#include <gtest/gtest.h>

#include "io/faulty_file_system.h"
#include "storage/wal/log_testing.h"

namespace firn {
namespace {

// One machine's life: runs of a log, each ended by a kill or a power loss.
class Life {
 public:
  Life(std::uint64_t seed, WalAppend way) : random_(seed), way_(way) {
    files_ = std::make_shared<MemoryFileSystem>();
    files_->CreateDirectory("/db").value();
    files_->SyncDirectory("/").value();
  }

  void Run(int crashes) {
    for (int i = 0; i < crashes && !::testing::Test::HasFatalFailure(); ++i) {
      WriteUntilCrash();
      Recover();
    }
  }

 private:
  // Writes, and plans a crash before some operation of the file system or after the last.
  void WriteUntilCrash() {
    FaultyFileSystem faulty(files_);
    std::uint64_t countdown = 1 + random_.Below(60);
    crashed_.reset();
    faulty.SetHook([&](const Operation&) {
      if (crashed_ == nullptr && --countdown == 0) {
        Crash();
      }
    });
    auto log = MakeLog({.files = faulty,
                        .way = way_,
                        .segment_bytes = 8192,
                        .after = recovered_ ? &recovered_->report : nullptr});
    ASSERT_TRUE(log.has_value()) << log.error().Describe();
    for (int step = 0; step < 60 && crashed_ == nullptr; ++step) {
      ASSERT_NO_FATAL_FAILURE(Step(**log));
    }
    if (crashed_ == nullptr) {
      Crash();
    }
  }

  void Step(Log& log) {
    const std::uint64_t choice = random_.Below(20);
    if (choice < 13) {
      const std::uint64_t n = written_.size() + base_ + 1;
      written_.push_back(PayloadOf(n, random_.OneIn(10) ? 12000 : 300));
      ASSERT_TRUE(AppendOne(log, n, written_.back()).has_value());
    } else if (choice < 16) {
      ASSERT_TRUE(log.Sync().has_value());
      if (crashed_ == nullptr) {
        synced_ = written_.size();
      }
    } else if (choice < 18) {
      ASSERT_TRUE(log.MarkSynced().has_value());
    } else if (choice < 19) {
      ASSERT_TRUE(log.StartSegment().has_value());
    } else {
      ReleaseAll(log);
    }
  }

  // As after a flush: all that was written is elsewhere, and durable there.
  void ReleaseAll(Log& log) {
    const WalNumber live = log.StartSegment().value();
    if (crashed_ != nullptr) {
      return;
    }
    min_live_ = live;
    base_ += written_.size();
    written_.clear();
    synced_ = 0;
    ASSERT_TRUE(log.Release(live).has_value());
  }

  void Crash() {
    killed_ = random_.OneIn(3);
    crashed_ = killed_ ? files_->CloneAfterKill() : files_->CloneAfterPowerLoss(random_);
  }

  void Recover() {
    files_ = crashed_;
    auto replayed = Replay(*files_, "/db", min_live_);
    ASSERT_TRUE(replayed.has_value()) << replayed.error().Describe();
    const auto& records = replayed->records;
    ASSERT_LE(records.size(), written_.size()) << "a record that was never written";
    for (std::size_t i = 0; i < records.size(); ++i) {
      ASSERT_EQ(records[i], (ReplayedRecord{base_ + i + 1, written_[i]}));
    }
    ASSERT_GE(records.size(), synced_) << "a synced record is lost";
    if (killed_) {
      // The record that was being written when the process was killed may be there or not.
      ASSERT_GE(records.size() + 1, written_.size()) << "a record that was whole is lost by a kill";
    }
    auto again = Replay(*files_, "/db", min_live_);
    ASSERT_TRUE(again.has_value() && again->records == records) << "replay is not repeatable";
    written_.resize(records.size());
    synced_ = std::min<std::size_t>(synced_, records.size());
    recovered_ = *std::move(replayed);
  }

  Random random_;
  const WalAppend way_;
  std::shared_ptr<MemoryFileSystem> files_;
  std::shared_ptr<MemoryFileSystem> crashed_;
  bool killed_ = false;
  std::optional<Replayed> recovered_;
  WalNumber min_live_{1};
  std::uint64_t base_ = 0;            // Records released.
  std::vector<std::string> written_;  // After those.
  std::size_t synced_ = 0;
};

class Crashes : public ::testing::TestWithParam<WalAppend> {};

TEST_P(Crashes, LoseNothingSyncedAndInventNothing) {
  for (std::uint64_t seed = 1; seed <= 1000 && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life(seed, GetParam()).Run(6);
  }
}

INSTANTIATE_TEST_SUITE_P(BothWays, Crashes,
                         ::testing::Values(WalAppend::kWrite, WalAppend::kMapped),
                         [](const auto& way) { return Name(way.param); });

}  // namespace
}  // namespace firn
