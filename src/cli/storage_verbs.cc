// SPDX-License-Identifier: Apache-2.0
//
// The verbs on the store of one node: levels, stats, flush, compact.
#include <vector>

#include "cli/client_verbs.h"
#include "cli/json_text.h"
#include "cli/text_table.h"

namespace firn::cli {
namespace {

using client::Reply;

std::string Fixed(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", number);
  return text;
}

Json JsonOf(const Dialogue& dialogue, const v1::Level& level) {
  Json tables = Json::array();
  for (const v1::SSTable& table : level.sstables()) {
    tables.push_back({{"name", table.name()},
                      {"size_bytes", table.size_bytes()},
                      {"entries", table.entries()},
                      {"min_key", dialogue.Text(table.min_key())},
                      {"max_key", dialogue.Text(table.max_key())}});
  }
  return {{"level", level.level()},
          {"sorted", level.sorted()},
          {"total_bytes", level.total_bytes()},
          {"max_bytes", level.max_bytes()},
          {"sstables", tables}};
}

std::string LevelsText(const Dialogue& dialogue, const v1::GetLevelsResponse& response) {
  std::vector<TextRow> levels{{"LEVEL", "TABLES", "SIZE", "LIMIT"}};
  std::vector<TextRow> tables{{"LEVEL", "TABLE", "SIZE", "ENTRIES", "FROM", "TO"}};
  for (const v1::Level& level : response.levels()) {
    levels.push_back({std::to_string(level.level()), std::to_string(level.sstables_size()),
                      Bytes(level.total_bytes()), Bytes(level.max_bytes())});
    for (const v1::SSTable& table : level.sstables()) {
      tables.push_back({std::to_string(level.level()), table.name(), Bytes(table.size_bytes()),
                        std::to_string(table.entries()), dialogue.Text(table.min_key()),
                        dialogue.Text(table.max_key())});
    }
  }
  return TextTable(levels) + (tables.size() > 1 ? "\n" + TextTable(tables) : "");
}

Json JsonOf(const v1::GetStorageStatsResponse& stats) {
  Json stalls = Json::array();
  for (const v1::Stall& stall : stats.stalls()) {
    stalls.push_back(
        {{"cause", stall.cause()}, {"count", stall.count()}, {"duration_us", stall.duration_us()}});
  }
  return {{"read_amplification", stats.read_amplification()},
          {"write_amplification", stats.write_amplification()},
          {"space_amplification", stats.space_amplification()},
          {"point_reads", stats.point_reads()},
          {"blocks_consulted", stats.blocks_consulted()},
          {"filter_checks", stats.filter_checks()},
          {"filter_rejections", stats.filter_rejections()},
          {"filter_false_positives", stats.filter_false_positives()},
          {"cache_hits", stats.cache_hits()},
          {"cache_misses", stats.cache_misses()},
          {"memory_bytes", stats.memory_bytes()},
          {"memory_budget", stats.memory_budget()},
          {"stalls", stalls}};
}

std::string StatsText(const v1::GetStorageStatsResponse& stats) {
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  std::vector<TextRow> rows{
      {"WHAT", "VALUE", "MEANING"},
      {"read amplification", Fixed(stats.read_amplification()), "blocks consulted a point read"},
      {"write amplification", Fixed(stats.write_amplification()), "bytes written a byte flushed"},
      {"space amplification", Fixed(stats.space_amplification()), "bytes held a byte that counts"},
      {"point reads", number(stats.point_reads()), ""},
      {"filter checks", number(stats.filter_checks()), ""},
      {"filter rejections", number(stats.filter_rejections()), "tables that were not read"},
      {"filter false positives", number(stats.filter_false_positives()), "tables read in vain"},
      {"cache hits", number(stats.cache_hits()), ""},
      {"cache misses", number(stats.cache_misses()), ""},
      {"memory", Bytes(stats.memory_bytes()), "of " + Bytes(stats.memory_budget())}};
  for (const v1::Stall& stall : stats.stalls()) {
    rows.push_back({"stalls: " + stall.cause(), number(stall.count()),
                    Fixed(static_cast<double>(stall.duration_us()) / 1000) + " ms in all"});
  }
  return TextTable(rows);
}

}  // namespace

int Levels(const Dialogue& dialogue) {
  const Reply<v1::GetLevelsResponse> response =
      dialogue.client.Call(v1::GetLevelsRequest(), dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  if (!dialogue.is_json) {
    dialogue.Say(LevelsText(dialogue, *response));
    return kDone;
  }
  Json levels = Json::array();
  for (const v1::Level& level : response->levels()) {
    levels.push_back(JsonOf(dialogue, level));
  }
  dialogue.Say(JsonLine({{"levels", levels}}));
  return kDone;
}

int Stats(const Dialogue& dialogue) {
  const Reply<v1::GetStorageStatsResponse> response =
      dialogue.client.Call(v1::GetStorageStatsRequest(), dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  dialogue.Say(dialogue.is_json ? JsonLine(JsonOf(*response)) : StatsText(*response));
  return kDone;
}

int Flush(const Dialogue& dialogue) {
  const Reply<v1::FlushMemTableResponse> response =
      dialogue.client.Call(v1::FlushMemTableRequest(), dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  if (dialogue.is_json) {
    dialogue.Say(JsonLine({{"sstable", response->sstable()},
                           {"entries", response->entries()},
                           {"size_bytes", response->size_bytes()}}));
  } else if (response->sstable().empty()) {
    dialogue.Say("nothing to flush\n");
  } else {
    dialogue.Say(response->sstable() + ": " + std::to_string(response->entries()) + " entries, " +
                 Bytes(response->size_bytes()) + "\n");
  }
  return kDone;
}

int Compact(const Dialogue& dialogue, const CompactArguments& arguments) {
  v1::TriggerCompactionRequest request;
  request.set_level(arguments.level);
  request.set_all(arguments.is_all);
  const Reply<v1::TriggerCompactionResponse> response =
      dialogue.client.Call(request, dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  dialogue.Say(dialogue.is_json ? JsonLine({{"tables_read", response->tables_read()},
                                            {"tables_written", response->tables_written()},
                                            {"bytes_read", response->bytes_read()},
                                            {"bytes_written", response->bytes_written()}})
                                : std::to_string(response->tables_read()) + " tables (" +
                                      Bytes(response->bytes_read()) + ") became " +
                                      std::to_string(response->tables_written()) + " (" +
                                      Bytes(response->bytes_written()) + ")\n");
  return kDone;
}

}  // namespace firn::cli
