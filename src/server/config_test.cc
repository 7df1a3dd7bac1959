// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "io/temporary_directory.h"
#include "server/setting_text.h"

namespace firn::server {
namespace {

std::string ErrorOf(const ConfigSources& sources) {
  const Result<LoadedConfig> loaded = LoadConfig(sources);
  return loaded ? "" : loaded.error().context;
}

std::string OriginOf(const LoadedConfig& loaded, const std::string& name) {
  return loaded.origins.find(name)->second;
}

class ConfigTest : public testing::Test {
 protected:
  std::string File(const std::string& text) {
    const std::string path = directory_ / "firn.toml";
    std::ofstream(path) << text;
    return path;
  }
  TemporaryDirectory directory_;
};

TEST_F(ConfigTest, DefaultsMakeSense) {
  const LoadedConfig loaded = LoadConfig({}).value();
  EXPECT_EQ(loaded.config.listen, "127.0.0.1:7101");
  EXPECT_EQ(loaded.config.limits.value_bytes_max, std::size_t{16} << 20);
  for (const auto& [name, origin] : loaded.origins) {
    EXPECT_EQ(origin, "default") << name;
  }
}

TEST_F(ConfigTest, FlagsAreStrongerThanTheEnvironmentAndThatThanTheFile) {
  const std::string file =
      File("data = \"of-file\"\nmemory = \"1GiB\"\nworkers = 3\nlearner = true\n");
  const LoadedConfig loaded =
      LoadConfig({.flags = {{"data", "of-flag"}},
                  .environment = {{"FIRN_DATA", "of-environment"}, {"FIRN_MEMORY", "512MiB"}},
                  .file = file})
          .value();
  EXPECT_EQ(loaded.config.data, "of-flag");
  EXPECT_EQ(OriginOf(loaded, "data"), "flag --data");
  EXPECT_EQ(loaded.config.engine.memory_budget_bytes, std::size_t{512} << 20);
  EXPECT_EQ(OriginOf(loaded, "memory"), "environment FIRN_MEMORY");
  EXPECT_EQ(loaded.config.workers, 3U);
  EXPECT_TRUE(loaded.config.learner);
  EXPECT_EQ(OriginOf(loaded, "workers"), "file " + file);
  EXPECT_EQ(OriginOf(loaded, "listen"), "default");
}

TEST_F(ConfigTest, TheEnvironmentMayNameTheFile) {
  const std::string file = File("data = \"of-file\"\n");
  EXPECT_EQ(LoadConfig({.environment = {{"FIRN_CONFIG", file}}}).value().config.data, "of-file");
}

TEST_F(ConfigTest, WhatIsUnknownIsAnErrorThatNamesTheNearest) {
  EXPECT_EQ(ErrorOf({.flags = {{"memmory", "1GiB"}}}),
            "flag --memmory: there is no setting 'memmory'; the nearest is 'memory'");
  EXPECT_EQ(ErrorOf({.environment = {{"FIRN_PEER_LISTN", "x"}}}),
            "environment: there is no setting behind FIRN_PEER_LISTN; the nearest is "
            "FIRN_PEER_LISTEN");
  const std::string file = File("lisen = \"127.0.0.1:1\"\n");
  EXPECT_EQ(ErrorOf({.file = file}),
            "file " + file + ": there is no setting 'lisen'; the nearest is 'listen'");
  EXPECT_EQ(ErrorOf({.environment = {{"FIRN_ENDPOINTS", "of the clients"}}}), "");
}

TEST_F(ConfigTest, AFileThatIsNoneIsAnErrorWithItsLine) {
  EXPECT_NE(ErrorOf({.file = File("data = \"a\"\nlisten = = 3\n")}).find("line 2"),
            std::string::npos);
  EXPECT_NE(ErrorOf({.file = File("[server]\ndata = \"a\"\n")}).find("server is neither"),
            std::string::npos);
  EXPECT_NE(ErrorOf({.file = File("memory = 1.5\n")}).find("memory is neither"), std::string::npos);
  EXPECT_NE(ErrorOf({.file = directory_ / "absent.toml"}).find("absent.toml"), std::string::npos);
}

TEST_F(ConfigTest, ValuesThatAreNoneSayWhatWouldBe) {
  EXPECT_EQ(ErrorOf({.flags = {{"memory", "much"}}}),
            "flag --memory: memory: 'much' is not a size: give bytes, or 16KiB, 64MiB, 1GiB");
  EXPECT_NE(ErrorOf({.flags = {{"drain", "10"}}}).find("250ms"), std::string::npos);
  EXPECT_NE(ErrorOf({.flags = {{"listen", "7101"}}}).find("host:port"), std::string::npos);
  EXPECT_NE(ErrorOf({.flags = {{"listen", "h:70000"}}}).find("host:port"), std::string::npos);
  EXPECT_NE(ErrorOf({.flags = {{"compression", "gzip"}}}).find("none, lz4, zstd"),
            std::string::npos);
  EXPECT_NE(ErrorOf({.flags = {{"learner", "maybe"}}}).find("true or false"), std::string::npos);
}

TEST_F(ConfigTest, AnOpenPortWithoutTlsHasToBeAskedFor) {
  const Assignments open = {{"listen", "0.0.0.0:7101"}, {"advertise", "db1:7101"}};
  EXPECT_NE(ErrorOf({.flags = open}).find("without TLS"), std::string::npos);
  Assignments insecure = open;
  insecure.emplace_back("insecure", "true");
  EXPECT_EQ(ErrorOf({.flags = insecure}), "");
  Assignments with_tls = open;
  with_tls.emplace_back("tls-certificate", "c.pem");
  EXPECT_NE(ErrorOf({.flags = with_tls}).find("tls-key"), std::string::npos);
  with_tls.emplace_back("tls-key", "c.key");
  EXPECT_EQ(ErrorOf({.flags = with_tls}), "");
  EXPECT_NE(ErrorOf({.flags = {{"peer-listen", "192.0.2.1:7201"}}}).find("peer-listen"),
            std::string::npos);
}

TEST_F(ConfigTest, AnAddressThatStandsForAllCannotBeTold) {
  EXPECT_NE(
      ErrorOf({.flags = {{"listen", "0.0.0.0:7101"}, {"insecure", "true"}}}).find("set advertise"),
      std::string::npos);
}

TEST_F(ConfigTest, DefaultsFollowASmallMemoryAndChosenValuesDoNot) {
  const LoadedConfig loaded = LoadConfig({.flags = {{"memory", "32MiB"}}}).value();
  EXPECT_EQ(loaded.config.engine.memtable_bytes, std::size_t{8} << 20);
  EXPECT_LT(loaded.config.limits.value_bytes_max, std::size_t{8} << 20);
  EXPECT_EQ(OriginOf(loaded, "memtable"), "default, for so much memory");
  EXPECT_NE(ErrorOf({.flags = {{"memory", "32MiB"}, {"value-max", "16MiB"}}}).find("value-max"),
            std::string::npos);
}

TEST(Settings, AreReadAsTheyAreShown) {
  const Config defaults;
  for (const Setting& setting : Settings()) {
    Config config;
    ASSERT_TRUE(setting.set(config, setting.get(defaults)).has_value()) << setting.name;
    EXPECT_EQ(setting.get(config), setting.get(defaults)) << setting.name;
    EXPECT_FALSE(setting.about.empty());
    EXPECT_FALSE(setting.about.ends_with("."));
  }
}

TEST(SettingText, CountsLettersToBeChanged) {
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("listen", "lisen"), 1U);
  EXPECT_EQ(EditDistance("abc", "abc"), 0U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

TEST(SettingText, RefusesNumbersThatDoNotFit) {
  EXPECT_EQ(ParseBytes("17KiB").value(), std::size_t{17} << 10);
  EXPECT_FALSE(ParseBytes("99999999999GiB").has_value());
  EXPECT_FALSE(ParseBytes("-1").has_value());
  EXPECT_FALSE(ParseBytes("").has_value());
  EXPECT_EQ(ParseDuration("5m").value(), std::chrono::minutes(5));
  EXPECT_FALSE(ParseDuration("5 m").has_value());
  EXPECT_FALSE(ParseCount("11", 10).has_value());
  EXPECT_TRUE(CheckAddress("[::1]:0").has_value());
  EXPECT_FALSE(CheckAddress("::1:0").has_value());
}

}  // namespace
}  // namespace firn::server
