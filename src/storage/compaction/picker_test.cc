// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/picker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "golden/golden.h"
#include "storage/compaction/write_controller.h"

namespace firn {
namespace {

// A tree made of text, and the questions one can ask of it:
//   layout            lines "L1: 4:[a..c]=100 …" (number, bounds, bytes); "=100/20/5" says that of
//                     20 entries 5 are tombstones, else it is one entry; damaged tables end in '!'
//   pick-level0, pick-deep, pick-idle, pick-idle-deep [busy=4,…], plan-level N, plan-range
//   [from..to], debt, pressure [merges=off]
class Shape {
 public:
  std::string Run(const golden::Command& command) {
    if (command.name == "limits") {
      limits_ = {.level0_tables_max = static_cast<unsigned>(std::stoul(command.Get("tables"))),
                 .level0_bytes_max = std::stoull(command.Get("bytes")),
                 .level1_bytes_max = std::stoull(command.Get("level1", "10000")),
                 .ratio = static_cast<unsigned>(std::stoul(command.Get("ratio", "10")))};
      return "ok";
    }
    if (command.name == "layout") {
      return Layout(command);
    }
    if (command.name == "debt") {
      return std::to_string(CompactionDebt(*version_, limits_));
    }
    if (command.name == "pressure") {
      const WritePressure pressure =
          PressureOf(*version_, limits_, command.Get("merges", "on") == "on");
      return std::string("pace ") + Percent(pressure.pace) +
             (pressure.pace_cause == DelayCause::kLevel0 ? " for level 0" : " for debt") +
             Limit(", level 0 ", pressure.level0) + Limit(", debt ", pressure.debt);
    }
    const auto plan = Plan(command);
    return plan ? Describe(*plan) : "nothing";
  }

 private:
  static std::string Percent(double part) { return std::to_string(std::lround(part * 100)) + " %"; }
  static std::string Limit(const std::string& name, const WritePressure::Part& part) {
    return part.value > 0 ? name + Percent(part.value) + " of " + Percent(part.share) : "";
  }

  std::optional<CompactionPlan> Plan(const golden::Command& command) {
    BusyTables busy;
    std::istringstream list(command.Get("busy"));
    for (std::string number; std::getline(list, number, ',');) {
      busy.insert({std::stoull(number)});
    }
    if (command.name == "pick-level0") {
      return PickLevel0(*version_, limits_, busy);
    }
    if (command.name == "pick-deep") {
      return PickDeep(*version_, limits_, busy);
    }
    if (command.name == "pick-idle") {
      return PickIdleLevel0(*version_, limits_, busy);
    }
    if (command.name == "pick-idle-deep") {
      return PickIdleDeep(*version_, busy);
    }
    if (command.name == "plan-level") {
      return PlanLevel(*version_, std::stoi(command.words.at(0)));
    }
    std::optional<KeyRange> range;
    if (!command.words.empty()) {
      const std::string& word = command.words[0];
      const auto dots = word.find("..");
      range = KeyRange{.smallest = word.substr(0, dots), .largest = word.substr(dots + 2)};
    }
    return PlanRange(*version_, range);
  }

  std::string Layout(const golden::Command& command) {
    VersionEdit edit;
    std::vector<std::uint64_t> damaged;
    for (const std::string& line : command.input) {
      std::istringstream words(line);
      std::string word;
      words >> word;
      const int level = word.at(1) - '0';
      while (words >> word) {
        edit.added.push_back({.level = level, .table = TableOf(word)});
        if (word.back() == '!') {
          damaged.push_back(edit.added.back().table.name.number.value);
        }
      }
    }
    auto version = Version().Apply(edit, nullptr);
    if (!version) {
      return version.error().Describe();
    }
    version_ = *version;
    for (int level = 0; level < kLevelCount; ++level) {
      for (const auto& table : version_->tables(level)) {
        if (std::ranges::find(damaged, table->meta().name.number.value) != damaged.end()) {
          table->MarkDamaged();
        }
      }
    }
    return "ok";
  }

  static TableMeta TableOf(const std::string& word) {
    unsigned number = 0;
    char smallest[32];
    char largest[32];
    unsigned bytes = 0;
    unsigned entries = 1;
    unsigned tombstones = 0;
    EXPECT_GE(std::sscanf(word.c_str(), "%u:[%31[^.]..%31[^]]]=%u/%u/%u", &number, smallest,
                          largest, &bytes, &entries, &tombstones),
              4)
        << word;
    TableMeta meta{.name = {.birth_level = 0, .number = {number}}, .properties = {}};
    meta.properties.entry_count = entries;
    meta.properties.tombstone_count = tombstones;
    meta.properties.file_bytes = bytes;
    meta.properties.smallest_key = smallest;
    meta.properties.largest_key = largest;
    return meta;
  }

  LevelLimits limits_;
  std::shared_ptr<const Version> version_ = std::make_shared<Version>();
};

TEST(Picker, DecidesAsTheDocumentSays) {
  Shape shape;
  golden::RunFile(FIRN_TEST_SOURCE_DIR "/testdata/picker.golden",
                  [&shape](const golden::Command& command) { return shape.Run(command); });
}

}  // namespace
}  // namespace firn
