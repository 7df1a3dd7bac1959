// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <gtest/gtest.h>

#include <set>

namespace firn::bench {
namespace {

BenchOptions Parsed(const std::vector<std::string>& arguments) {
  const Result<ParsedBenchOptions> parsed = ParseBenchOptions(arguments);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().Describe());
  return parsed ? parsed->options : BenchOptions();
}

TEST(BenchOptions, MeanAllEnginesAndFiveRepeatsByDefault) {
  const BenchOptions options = Parsed({});
  EXPECT_EQ(options.engines.size(), EngineKinds().size());
  EXPECT_EQ(options.repeats, 5);
  ASSERT_EQ(options.sets.size(), 1U);
  EXPECT_EQ(options.sets[0].Name(), "5000000x16+100");
}

TEST(BenchOptions, ShortIsSmallerAndYieldsToWhatIsSaid) {
  const BenchOptions options = Parsed({"--short", "--repeats", "3"});
  EXPECT_EQ(options.repeats, 3);
  EXPECT_EQ(options.reads, 300'000U);
  EXPECT_EQ(options.sets[0].entries, 1'000'000U);
  for (const std::string& engine : options.engines) {
    EXPECT_NE(engine, "lmdb");
  }
}

TEST(BenchOptions, TakeSeveralSetsAndThreads) {
  const BenchOptions options =
      Parsed({"--set", "1000x16+100,2000x20+400", "--threads", "1,2", "--repeats", "2", "--engines",
              "firn", "--family", "classic,open"});
  const std::vector<PlannedJob> jobs = PlanJobs(options);
  EXPECT_EQ(jobs.size(), 2U * 2 * 2 * 2);
  EXPECT_EQ(jobs.front().repeat, 1);
  EXPECT_EQ(jobs.back().repeat, 2);
  EXPECT_EQ(jobs.back().job.form.key_bytes, 20U);
  EXPECT_EQ(jobs.back().job.threads, 2U);
}

TEST(BenchOptions, EnginesTakeTurnsAndShortOnesWhereTheDiskDecides) {
  struct Case {
    const char* family;
    const char* repeats;
    std::size_t turns;
  };
  for (const Case& one : {Case{"classic", "2", 2}, Case{"sync", "1", 5}, Case{"sync", "2", 10}}) {
    const BenchOptions options = Parsed({"--family", one.family, "--repeats", one.repeats});
    const std::vector<PlannedJob> jobs = PlanJobs(options);
    ASSERT_EQ(jobs.size(), one.turns * options.engines.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_EQ(jobs[i].job.engine->name, options.engines[i % options.engines.size()]);
    }
  }
}

TEST(BenchOptions, NoRepeatsAreForEarlierRuns) {
  const BenchOptions options = Parsed({"--repeats", "0", "--add", "a.json,b.json"});
  EXPECT_EQ(options.add.size(), 2U);
  EXPECT_TRUE(PlanJobs(options).empty());
}

TEST(BenchOptions, SetsLargerThanMemoryShrinkInProportion) {
  const BenchOptions whole = Parsed({"--larger-than-memory"});
  EXPECT_EQ(whole.sets[0].Name(), "24000000x20+400");
  EXPECT_EQ(whole.memory_limit_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(whole.engine.cache_bytes, std::size_t{512} << 20);
  const BenchOptions part = Parsed({"--larger-than-memory", "--entries", "2400000"});
  EXPECT_NEAR(static_cast<double>(part.memory_limit_bytes), 0.1 * (std::uint64_t{2} << 30), 1e6);
  EXPECT_LT(part.engine.memtable_bytes, whole.engine.memtable_bytes);
  EXPECT_EQ(part.families, std::vector<std::string>{"large"});
}

TEST(BenchOptions, GrowthRunsTheClassicRowsAtThreeSizes) {
  const BenchOptions options = Parsed({"--growth"});
  EXPECT_EQ(options.sets.size(), 3U);
  EXPECT_EQ(options.families, std::vector<std::string>{"classic"});
}

TEST(BenchOptions, RefuseWhatMakesNoSense) {
  const std::vector<std::vector<std::string>> wrong = {{"--engines", "oracle"},
                                                       {"--family", "circus"},
                                                       {"--set", "5x"},
                                                       {"--set", "1000x4+10"},
                                                       {"--set", "0x16+100"},
                                                       {"--set", "1000x16+100junk"},
                                                       {"--set", ""},
                                                       {"--entries", "-1"},
                                                       {"--threads", "0"},
                                                       {"--repeats", "0"},
                                                       {"--minutes", "nan"},
                                                       {"--cache-mib", "8"},
                                                       {"extra"},
                                                       {"--set", "99999999999999999999x16+100"}};
  for (const auto& arguments : wrong) {
    EXPECT_FALSE(ParseBenchOptions(arguments)) << arguments.back();
  }
}

}  // namespace
}  // namespace firn::bench
