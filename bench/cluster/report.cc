// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/text_table.h"
#include "process_figures.h"

namespace firn::bench {
namespace {

struct Column {
  const char* heading;
  const char* figure;
  int decimals;
  double scale;
  bool lower_is_better;
};

constexpr std::array kColumns = {
    Column{"op/s", "operations_per_second", 0, 1, false},
    Column{"keys/s", "keys_per_second", 0, 1, false},
    Column{"p50 ms", "p50_us", 2, 1e-3, true},
    Column{"p99 ms", "p99_us", 2, 1e-3, true},
    Column{"p99.9 ms", "p999_us", 2, 1e-3, true},
    Column{"max ms", "max_us", 1, 1e-3, true},
    Column{"cpu us/op", "server_cpu_us_per_op", 1, 1, true},
    Column{"busiest", "busiest_node_cpu_us_per_op", 1, 1, true},
    Column{"client", "client_cpu_us_per_op", 1, 1, true},
    Column{"RSS MiB", "resident_peak_mib", 0, 1, true},
    Column{"B/op", "written_bytes_per_op", 0, 1, true},
    Column{"sync us", "sync_p50_us", 0, 1, true},
    Column{"away ms", "unavailable_ms", 0, 1, true},
    Column{"restart ms", "restart_ms", 0, 1, true},
};

// The figure whose spread is told.
constexpr std::array kMainFigures = {"operations_per_second", "unavailable_ms", "restart_ms"};

std::string Number(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

double MedianOf(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

template <typename Value>
void AddOnce(std::vector<Value>& values, const Value& value) {
  if (std::ranges::find(values, value) == values.end()) {
    values.push_back(value);
  }
}

nlohmann::json ToJson(const Options& options) {
  std::vector<std::string> workloads;
  workloads.reserve(options.workloads.size());
  for (const Workload workload : options.workloads) {
    workloads.emplace_back(Name(workload));
  }
  return {{"nodes", options.nodes},
          {"workloads", workloads},
          {"in_flight", options.in_flight},
          {"connections", options.connections},
          {"threads", options.threads},
          {"keys", options.keys},
          {"distribution", Name(options.distribution)},
          {"key_bytes", options.key_bytes},
          {"value_bytes", options.value_bytes},
          {"batch", options.batch},
          {"seconds", options.seconds},
          {"warm_up_seconds", options.warm_up_seconds},
          {"operations", options.operations_max},
          {"repeats", options.repeats},
          {"rounds", options.rounds},
          {"rate", options.rate},
          {"target", Name(options.target)},
          {"tick_ms", options.tick_ms},
          {"memory", options.memory},
          {"server_arguments", options.server_arguments}};
}

}  // namespace

void Report::Add(Row row) {
  AddOnce(names_, row.name);
  AddOnce(systems_, row.system);
  std::string line = row.system + " " + std::to_string(row.repeat) + " " + row.name + ":";
  for (const Column& column : kColumns) {
    if (const auto found = row.figures.find(column.figure); found != row.figures.end()) {
      line += "  " + std::string(column.heading) + " " +
              Number(found->second * column.scale, column.decimals);
    }
  }
  for (const auto& [status, count] : row.errors) {
    line += "  " + status + " " + std::to_string(count);
  }
  std::fprintf(stderr, "%s\n", line.c_str());
  rows_.push_back(std::move(row));
}

std::vector<double> Report::Values(const std::string& system, const std::string& name,
                                   const std::string& figure) const {
  std::vector<double> values;
  for (const Row& row : rows_) {
    const auto found = row.figures.find(figure);
    if (row.system == system && row.name == name && found != row.figures.end()) {
      values.push_back(found->second);
    }
  }
  return values;
}

double Report::Median(const std::string& system, const std::string& name,
                      const std::string& figure) const {
  std::vector<double> values = Values(system, name, figure);
  return values.empty() ? -1 : MedianOf(std::move(values));
}

std::vector<std::string> Report::Line(const std::string& system, const std::string& name) const {
  std::vector<std::string> line = {name, system};
  std::string spread;
  for (const char* figure : kMainFigures) {
    const std::vector<double> values = Values(system, name, figure);
    if (values.size() > 1) {
      const auto [least, most] = std::ranges::minmax_element(values);
      spread = Number(*least, 0) + "-" + Number(*most, 0);
    }
  }
  line.push_back(spread);
  for (const Column& column : kColumns) {
    const double median = Median(system, name, column.figure);
    line.push_back(median < 0 ? "" : Number(median * column.scale, column.decimals));
  }
  return line;
}

std::vector<std::string> Report::RatioLine(const std::string& name) const {
  std::vector<std::string> line = {"", "ratio", ""};
  for (const Column& column : kColumns) {
    const double own = Median("firn", name, column.figure);
    const double peer = Median("etcd", name, column.figure);
    line.push_back(own < 0 || peer <= 0 ? "" : Number(own / peer, 2));
  }
  return line;
}

std::string Report::ErrorLines() const {
  std::string lines;
  for (const Row& row : rows_) {
    const auto missing = row.figures.find("missing");
    std::string what;
    for (const auto& [status, count] : row.errors) {
      what += " " + status + " " + std::to_string(count);
    }
    if (missing != row.figures.end() && missing->second > 0) {
      what += " found nothing " + Number(missing->second, 0);
    }
    if (!what.empty()) {
      lines += row.system + " " + std::to_string(row.repeat) + " " + row.name + ":" + what + "\n";
    }
  }
  return lines.empty() ? "" : "not answered as they should be:\n" + lines;
}

// Columns in which no row has anything are left out.
std::string Report::Table() const {
  std::vector<cli::TextRow> rows = {{"", "", "spread"}};
  for (const Column& column : kColumns) {
    rows.front().emplace_back(column.heading);
  }
  for (const std::string& name : names_) {
    for (const std::string& system : systems_) {
      rows.push_back(Line(system, name));
    }
    if (systems_.size() > 1) {
      rows.push_back(RatioLine(name));
    }
  }
  for (std::size_t column = rows.front().size(); column-- > 2;) {
    if (std::all_of(rows.begin() + 1, rows.end(),
                    [column](const cli::TextRow& row) { return row[column].empty(); })) {
      for (cli::TextRow& row : rows) {
        row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
      }
    }
  }
  return cli::TextTable(rows) + ErrorLines();
}

Result<void> Report::WriteJson(const std::string& path, const Options& options) const {
  nlohmann::json runs = nlohmann::json::array();
  for (const Row& row : rows_) {
    runs.push_back({{"system", row.system},
                    {"repeat", row.repeat},
                    {"name", row.name},
                    {"figures", row.figures},
                    {"errors", row.errors}});
  }
  nlohmann::json medians = nlohmann::json::array();
  for (const std::string& name : names_) {
    for (const std::string& system : systems_) {
      const auto row = std::ranges::find_if(
          rows_, [&](const Row& r) { return r.name == name && r.system == system; });
      nlohmann::json figures = nlohmann::json::object();
      if (row != rows_.end()) {
        for (const auto& [figure, value] : row->figures) {
          figures[figure] = Median(system, name, figure);
        }
      }
      medians.push_back({{"system", system}, {"name", name}, {"figures", std::move(figures)}});
    }
  }
  const nlohmann::json all = {
      {"machine", MachineName()},     {"file_system", FileSystemOf(options.directory)},
      {"versions", versions_},        {"options", ToJson(options)},
      {"seed", options.seed},         {"runs", std::move(runs)},
      {"medians", std::move(medians)}};
  if (!(std::ofstream(path) << all.dump(2) << '\n')) {
    return Error{ErrorCode::kIo, "cannot write " + path};
  }
  return {};
}

}  // namespace firn::bench
