// SPDX-License-Identifier: Apache-2.0
//
// Pickers and write controller in a loop, without files: a writer faster than merges, which obeys
// the pauses it is given, puts keys at random for ever. What it leaves to be merged must not grow
// for ever.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/compaction/picker.h"
#include "storage/compaction/write_controller.h"

namespace firn {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
constexpr std::uint64_t kTableBytes = 64 * kMebi;
constexpr std::uint64_t kWriteBytes = kMebi;
constexpr double kWriterBytesPerSecond = 400e6;
constexpr double kMergeBytesPerSecond = 200e6;  // Of each lane.
constexpr std::uint64_t kKeySpace = 100'000'000;

nanoseconds TimeFor(std::uint64_t bytes, double bytes_per_second) {
  return nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(bytes) / bytes_per_second * 1e9));
}

std::string KeyAt(std::uint64_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "%08llu", static_cast<unsigned long long>(number));
  return text;
}

class EndlessLoad {
 public:
  void WriteUntil(std::uint64_t bytes) {
    while (written_ < bytes) {
      Write();
      AdvanceLanes();
    }
  }

  // Since the last call, or the beginning.
  struct Extremes {
    std::size_t level0_tables_max = 0;
    std::uint64_t level0_bytes_max = 0;
    double level1_fullness_max = 0;
    std::uint64_t bytes_in_slowest_second = UINT64_MAX;
  };
  Extremes TakeExtremes() { return std::exchange(extremes_, {}); }

  std::uint64_t debt() const { return CompactionDebt(*version_, limits_); }
  const LevelLimits& limits() const { return limits_; }

 private:
  struct Job {
    CompactionPlan plan;
    nanoseconds begin;
    nanoseconds end;
  };
  enum Lane : std::uint8_t { kLevel0Lane, kDeepLane };

  void Write() {
    written_ += kWriteBytes;
    in_this_second_ += kWriteBytes;
    nanoseconds next = now_ + TimeFor(kWriteBytes, kWriterBytesPerSecond);
    if (const auto delay = controller_.Charge(kWriteBytes, now_)) {
      next += delay->duration;
    }
    if (next / seconds(1) != now_ / seconds(1)) {
      extremes_.bytes_in_slowest_second =
          std::min(extremes_.bytes_in_slowest_second, in_this_second_);
      in_this_second_ = 0;
    }
    now_ = next;
    if (written_ % kTableBytes == 0) {
      VersionEdit edit;
      edit.added.push_back({.level = 0, .table = TableOf(0, 0, kKeySpace - 1, kTableBytes)});
      controller_.NoteFlushed(
          {.bytes_written = kTableBytes, .took = TimeFor(kTableBytes, kWriterBytesPerSecond)});
      Install(edit);
    }
  }

  void AdvanceLanes() {
    for (const Lane lane : {kLevel0Lane, kDeepLane}) {
      if (jobs_[lane] && jobs_[lane]->end <= now_) {
        Finish(*jobs_[lane], lane);
        jobs_[lane].reset();
      }
      while (!jobs_[lane]) {
        const BusyTables busy = Busy();
        auto plan = lane == kLevel0Lane ? PickLevel0(*version_, limits_, busy)
                                        : PickDeep(*version_, limits_, busy);
        if (!plan) {
          break;
        }
        const nanoseconds took = plan->trivial_move
                                     ? nanoseconds(0)
                                     : TimeFor(plan->input_bytes(), kMergeBytesPerSecond);
        jobs_[lane] = {.plan = *std::move(plan), .begin = now_, .end = now_ + took};
      }
    }
  }

  BusyTables Busy() const {
    BusyTables busy;
    for (const auto& job : jobs_) {
      for (const CompactionInput& input : job ? job->plan.inputs : std::vector<CompactionInput>()) {
        for (const auto& table : input.tables) {
          busy.insert(table->meta().name.number);
        }
      }
    }
    return busy;
  }

  // No key is put twice, so nothing becomes less. Outputs share the range of the inputs.
  void Finish(const Job& job, Lane lane) {
    VersionEdit edit;
    for (const CompactionInput& input : job.plan.inputs) {
      for (const auto& table : input.tables) {
        edit.removed.push_back({.level = input.level, .table = table->meta().name});
      }
    }
    const std::uint64_t bytes = job.plan.input_bytes();
    const KeyRange range = job.plan.range();
    const std::uint64_t first = std::stoull(range.smallest);
    const std::uint64_t keys = std::stoull(range.largest) - first + 1;
    const std::uint64_t outputs = std::max<std::uint64_t>(1, bytes / kTableBytes);
    for (std::uint64_t i = 0; i < outputs; ++i) {
      edit.added.push_back(
          {.level = job.plan.target_level,
           .table = TableOf(job.plan.target_level, first + keys * i / outputs,
                            first + keys * (i + 1) / outputs - 1, bytes / outputs)});
    }
    controller_.NoteMerged(
        lane == kLevel0Lane ? DelayCause::kLevel0 : DelayCause::kDebt,
        {.bytes_read = bytes, .bytes_written = bytes, .took = job.end - job.begin});
    Install(edit);
  }

  TableMeta TableOf(int level, std::uint64_t first, std::uint64_t last, std::uint64_t bytes) {
    TableMeta meta{.name = {.birth_level = level, .number = {++last_table_}}, .properties = {}};
    meta.properties.entry_count = 1;
    meta.properties.file_bytes = bytes;
    meta.properties.smallest_key = KeyAt(first);
    meta.properties.largest_key = KeyAt(last);
    return meta;
  }

  void Install(const VersionEdit& edit) {
    auto version = version_->Apply(edit, nullptr);
    ASSERT_TRUE(version) << version.error().Describe();
    version_ = *version;
    controller_.SetPressure(PressureOf(*version_, limits_, true));
    extremes_.level0_tables_max =
        std::max(extremes_.level0_tables_max, version_->level0_newest_first().size());
    extremes_.level0_bytes_max = std::max(extremes_.level0_bytes_max, version_->bytes(0));
    extremes_.level1_fullness_max =
        std::max(extremes_.level1_fullness_max, Fullness(*version_, 1, limits_));
  }

  const LevelLimits limits_{
      .level0_tables_max = 12, .level0_bytes_max = 512 * kMebi, .level1_bytes_max = 1024 * kMebi};
  std::shared_ptr<const Version> version_ = std::make_shared<Version>();
  WriteController controller_;
  std::array<std::optional<Job>, 2> jobs_;
  nanoseconds now_{0};
  std::uint64_t written_ = 0;
  std::uint64_t in_this_second_ = 0;
  std::uint64_t last_table_ = 0;
  Extremes extremes_;
};

TEST(EndlessLoad, LeavesTheTreeBoundedAndTheWriterMoving) {
  EndlessLoad load;
  load.WriteUntil(std::uint64_t{30} << 30);
  const EndlessLoad::Extremes burst = load.TakeExtremes();
  EXPECT_LE(burst.level0_bytes_max, 16 * load.limits().level0_bytes_max);
  EXPECT_LE(burst.level0_tables_max, 11 * load.limits().level0_tables_max);
  EXPECT_LE(burst.level1_fullness_max, 8);
  EXPECT_GE(burst.bytes_in_slowest_second, 5'000'000);

  // Once the levels are full it goes as fast as they pass on what comes.
  load.WriteUntil(std::uint64_t{60} << 30);
  const EndlessLoad::Extremes later = load.TakeExtremes();
  EXPECT_LE(later.level0_bytes_max, 14 * load.limits().level0_bytes_max);
  EXPECT_LE(later.level1_fullness_max, 8);
  EXPECT_GE(later.bytes_in_slowest_second, 5'000'000);
  EXPECT_LE(load.debt(), 60 * load.limits().level1_bytes_max);
}

}  // namespace
}  // namespace firn
