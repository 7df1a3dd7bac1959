// SPDX-License-Identifier: Apache-2.0
//
// The report for programs, and its way back: the runs of earlier reports.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/propagate.h"
#include "cluster/process_figures.h"
#include "report.h"

namespace firn::bench {
namespace {

// What makes figures comparable; the others say how many there are.
const std::vector<std::string> kDecisiveOptions = {"reads",
                                                   "syncs",
                                                   "sustained_minutes",
                                                   "cache_bytes",
                                                   "memtable_bytes",
                                                   "bloom_bits_per_key",
                                                   "compress",
                                                   "memory_limit_bytes"};

nlohmann::json OptionsJson(const BenchOptions& options) {
  std::vector<std::string> sets;
  sets.reserve(options.sets.size());
  for (const SetForm& set : options.sets) {
    sets.push_back(set.Name());
  }
  return {{"engines", options.engines},
          {"families", options.families},
          {"sets", sets},
          {"threads", options.threads},
          {"repeats", options.repeats},
          {"reads", options.reads},
          {"syncs", options.syncs},
          {"sustained_minutes", options.sustained_minutes},
          {"seed", options.seed},
          {"cache_bytes", options.engine.cache_bytes},
          {"memtable_bytes", options.engine.memtable_bytes},
          {"bloom_bits_per_key", options.engine.bloom_bits_per_key},
          {"compress", options.engine.compress},
          {"memory_limit_bytes", options.memory_limit_bytes}};
}

nlohmann::json VersionsJson() {
  nlohmann::json versions = nlohmann::json::object();
  for (const EngineKind& kind : EngineKinds()) {
    versions[kind.name] = kind.version;
  }
  return versions;
}

// Whether `made` and `wanted` agree in the fields of `wanted` that `names` lists, or all.
Result<void> CheckSame(const std::string& path, const nlohmann::json& made,
                       const nlohmann::json& wanted, const std::vector<std::string>& names = {}) {
  for (const auto& [name, value] : wanted.items()) {
    const bool counts = names.empty() || std::ranges::find(names, name) != names.end();
    if (counts && made.at(name) != value) {
      std::string text = path;
      text.append(" was made with ").append(name).append(" ").append(made.at(name).dump());
      text.append(", this with ").append(value.dump()).append(": they cannot be added");
      return Error{ErrorCode::kInvalidArgument, std::move(text)};
    }
  }
  return {};
}

Measured MeasuredOf(const nlohmann::json& run) {
  Measured one{.set = run.at("set"),
               .threads = run.at("threads"),
               .family = run.at("family"),
               .engine = run.at("engine"),
               .repeat = run.at("repeat"),
               .row = {.name = run.at("row"),
                       .main_figure = run.at("main_figure"),
                       .figures = run.at("figures").get<Figures>()}};
  for (const auto& second : run.value("seconds", nlohmann::json::array())) {
    one.row.timeline.push_back({.operations = second.at("operations"),
                                .p99_us = second.at("p99_us"),
                                .max_us = second.at("max_us")});
  }
  return one;
}

nlohmann::json Place(const std::string& set, unsigned threads, const std::string& family,
                     const std::string& row) {
  return {{"set", set}, {"threads", threads}, {"family", family}, {"row", row}};
}

nlohmann::json RunJson(const Measured& one) {
  nlohmann::json run = Place(one.set, one.threads, one.family, one.row.name);
  run["engine"] = one.engine;
  run["repeat"] = one.repeat;
  run["main_figure"] = one.row.main_figure;
  run["figures"] = one.row.figures;
  for (const Second& second : one.row.timeline) {
    run["seconds"].push_back(
        {{"operations", second.operations}, {"p99_us", second.p99_us}, {"max_us", second.max_us}});
  }
  return run;
}

nlohmann::json RowJson(const Report& report, const RowKey& key) {
  nlohmann::json row = Place(key.set, key.threads, key.family, key.name);
  row["main_figure"] = key.main_figure;
  for (const std::string& engine : report.engines()) {
    if (const auto spread = report.Of(key, engine, key.main_figure)) {
      row["engines"][engine] = {
          {"median", spread->median}, {"min", spread->least}, {"max", spread->most}};
    }
  }
  if (const auto peer = report.BetterPeer(key)) {
    row["better_peer"] = *peer;
  }
  if (const auto ratio = report.Ratio(key)) {
    row["ratio"] = *ratio;
  }
  return row;
}

}  // namespace

std::string JsonReport(const Report& report) {
  nlohmann::json facts = nlohmann::json::object();
  for (const auto& [name, value] : FactsOf(report)) {
    facts[name] = value;
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const RowKey& key : report.rows()) {
    rows.push_back(RowJson(report, key));
  }
  nlohmann::json runs = nlohmann::json::array();
  for (const Measured& one : report.all()) {
    runs.push_back(RunJson(one));
  }
  const nlohmann::json all = {{"facts", std::move(facts)},
                              {"versions", VersionsJson()},
                              {"options", OptionsJson(report.options())},
                              {"failures", report.failures()},
                              {"rows", std::move(rows)},
                              {"runs", std::move(runs)}};
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<std::vector<Measured>> ReadRuns(const std::string& path, const BenchOptions& options) {
  std::ifstream file(path);
  if (!file) {
    return Error{ErrorCode::kIo, "cannot read " + path};
  }
  std::vector<Measured> runs;
  try {
    const nlohmann::json all = nlohmann::json::parse(file);
    FIRN_TRY(CheckSame(path, all.at("options"), OptionsJson(options), kDecisiveOptions));
    FIRN_TRY(CheckSame(path, all.at("versions"), VersionsJson()));
    FIRN_TRY(CheckSame(path, all.at("facts"), {{"machine", MachineName()}}));
    for (const nlohmann::json& run : all.at("runs")) {
      Measured one = MeasuredOf(run);
      if (std::ranges::find(options.engines, one.engine) != options.engines.end()) {
        runs.push_back(std::move(one));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    return Error{ErrorCode::kCorruption, path + " is no report of firn bench: " + error.what()};
  }
  return runs;
}

}  // namespace firn::bench
