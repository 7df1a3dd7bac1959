// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "report.h"

namespace firn::bench {
namespace {

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

nlohmann::json Place(const std::string& set, unsigned threads, const std::string& family,
                     const std::string& row) {
  return {{"set", set}, {"threads", threads}, {"family", family}, {"row", row}};
}

nlohmann::json RunJson(const Measured& one) {
  nlohmann::json run = Place(one.set, one.threads, one.family, one.row.name);
  run["engine"] = one.engine;
  run["repeat"] = one.repeat;
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
  nlohmann::json versions = nlohmann::json::object();
  for (const EngineKind& kind : EngineKinds()) {
    versions[kind.name] = kind.version;
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
                              {"versions", std::move(versions)},
                              {"options", OptionsJson(report.options())},
                              {"failures", report.failures()},
                              {"rows", std::move(rows)},
                              {"runs", std::move(runs)}};
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace firn::bench
