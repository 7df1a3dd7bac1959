// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <gtest/gtest.h>

namespace firn::bench {
namespace {

Options Parsed(const std::vector<std::string>& arguments) {
  const Result<ParsedOptions> parsed = ParseOptions(arguments);
  EXPECT_TRUE(parsed) << parsed.error().Describe();
  return parsed ? parsed->options : Options{};
}

TEST(Options, MeasurePutsAndGetsOfFiveNodesByDefault) {
  const Options options = Parsed({});
  EXPECT_EQ(options.nodes, 5);
  EXPECT_TRUE(options.measures_firn);
  EXPECT_TRUE(options.measures_etcd);
  EXPECT_EQ(options.workloads, (std::vector{Workload::kGet, Workload::kPut}));
  EXPECT_EQ(options.in_flight, (std::vector<std::size_t>{1, 64, 256, 1000}));
  EXPECT_EQ(options.target, Target::kLeader);
}

TEST(Options, TakeListsAndWords) {
  const Options options =
      Parsed({"--workload", "batch,failover", "--in-flight", "2,3", "--peer", "none",
              "--distribution", "zipfian", "--target", "any", "--rate", "5000",
              "--server-argument=--workers=2", "--server-argument=--log-segment=1MiB"});
  EXPECT_EQ(options.workloads, (std::vector{Workload::kBatch, Workload::kFailover}));
  EXPECT_EQ(options.in_flight, (std::vector<std::size_t>{2, 3}));
  EXPECT_FALSE(options.measures_etcd);
  EXPECT_EQ(options.distribution, Distribution::kZipfian);
  EXPECT_EQ(options.target, Target::kAny);
  EXPECT_EQ(options.rate, 5000);
  EXPECT_EQ(options.server_arguments.size(), 2U);
}

TEST(Options, RefuseWhatMakesNoSense) {
  const std::vector<std::vector<std::string>> all = {{"--nodes", "0"},
                                                     {"--nodes", "ten"},
                                                     {"--workload", "put,sing"},
                                                     {"--in-flight", "0"},
                                                     {"--in-flight", "1,,x"},
                                                     {"--connections", "-1"},
                                                     {"--seconds", "0"},
                                                     {"--rate", "-5"},
                                                     {"--peer", "zookeeper"},
                                                     {"--keys", "0"},
                                                     {"--keys", "50"},
                                                     {"--batch", "129"},
                                                     {"--key-bytes", "3"},
                                                     {"--peer", "none", "--firn", "false"},
                                                     {"--nodes", "1", "--target", "follower"},
                                                     {"--nodes", "2", "--workload", "failover"},
                                                     {"--colour", "red"},
                                                     {"extra"}};
  for (const auto& arguments : all) {
    const Result<ParsedOptions> parsed = ParseOptions(arguments);
    ASSERT_FALSE(parsed) << arguments[0] << " " << arguments.back();
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(parsed.error().context.empty());
  }
}

TEST(Options, ExplainThemselves) {
  const Result<ParsedOptions> parsed = ParseOptions({"--help"});
  ASSERT_TRUE(parsed);
  for (const char* word : {"--in-flight", "--rate", "--peer", "Examples:", "etcd-server"}) {
    EXPECT_NE(parsed->help.find(word), std::string::npos) << word;
  }
}

TEST(Options, NameWhatTheyTake) {
  EXPECT_STREQ(Name(Workload::kFailover), "failover");
  EXPECT_STREQ(Name(Distribution::kZipfian), "zipfian");
  EXPECT_STREQ(Name(Target::kFollower), "follower");
}

}  // namespace
}  // namespace firn::bench
