// SPDX-License-Identifier: Apache-2.0
//
// firn-bench, also `firn bench`: Firn and its peers on the same rows, interleaved, medians of the
// repeats.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "workload.h"

namespace firn::bench {

void Die(const std::string& message) {
  std::fprintf(stderr, "firn bench: %s\n", message.c_str());
  std::exit(1);
}

namespace {

const std::map<std::string, OpenEngine> kEngines = {
    {"firn", OpenFirn}, {"rocksdb", OpenRocksDb}, {"leveldb", OpenLevelDb}};

// The processor's name and how many the system has.
std::string Machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    if (line.starts_with("model name")) {
      return std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " x" + line.substr(line.find(':') + 1);
    }
  }
  return "unknown";
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Report {
  std::vector<std::string> names;  // In the order of the rows.
  std::map<std::string, std::map<std::string, std::vector<double>>> micros;  // By row and engine.

  void Add(const std::string& engine, const Row& row) {
    if (!micros.contains(row.name)) {
      names.push_back(row.name);
    }
    micros[row.name][engine].push_back(row.micros());
  }

  void Print(const std::vector<std::string>& engines) const {
    std::printf("\nmedians, microseconds per operation (min .. max)\n%-26s", "");
    for (const std::string& engine : engines) {
      std::printf(" %26s", engine.c_str());
    }
    std::printf(" %8s\n", "ratio");
    for (const std::string& name : names) {
      std::printf("%-26s", name.c_str());
      double own = 0;
      double best_peer = 0;
      for (const std::string& engine : engines) {
        const std::vector<double>& values = micros.at(name).at(engine);
        const double median = Median(values);
        std::printf(" %9.3f (%6.3f .. %6.3f)", median, *std::ranges::min_element(values),
                    *std::ranges::max_element(values));
        if (engine == "firn") {
          own = median;
        } else {
          best_peer = best_peer == 0 ? median : std::min(best_peer, median);
        }
      }
      std::printf(own > 0 && best_peer > 0 ? " %8.2f\n" : "\n", best_peer / own);
    }
  }

  nlohmann::json ToJson(const Setup& setup, int repeats) const {
    nlohmann::json rows = nlohmann::json::array();
    for (const std::string& name : names) {
      rows.push_back({{"name", name}, {"micros_per_operation", micros.at(name)}});
    }
    return {{"machine", Machine()},
            {"entries", setup.entries},
            {"value_bytes", setup.value_bytes},
            {"reads", setup.reads},
            {"sync_entries", setup.sync_entries},
            {"repeats", repeats},
            {"memtable_bytes", setup.engine.memtable_bytes},
            {"cache_bytes", setup.engine.cache_bytes},
            {"bloom_bits_per_key", setup.engine.bloom_bits_per_key},
            {"compress", setup.engine.compress},
            {"rows", std::move(rows)}};
  }
};

int Main(int argc, char** argv) {
  Setup setup;
  std::vector<std::string> engines = {"firn", "rocksdb", "leveldb"};
  int repeats = 1;
  std::string json;
  std::string directory = "/tmp/firn_bench." + std::to_string(getpid());
  CLI::App app{"Runs Firn and its peers on the same rows, interleaved."};
  app.name("firn bench");
  app.footer(R"(Examples:
  firn bench                                       all engines, 5 million entries, once
  firn bench --entries 1000000 --repeats 5 --engines firn,leveldb --json rows.json

Takes about 5 minutes for each repeat and 5 GB of disk. The ratio is the median of the better peer
over Firn's: above 1, Firn is faster.)");
  app.add_option("--entries", setup.entries, "Entries of each fill")->capture_default_str();
  app.add_option("--value-bytes", setup.value_bytes, "Bytes of a value")->capture_default_str();
  app.add_option("--reads", setup.reads, "Point reads in a row")->capture_default_str();
  app.add_option("--sync-entries", setup.sync_entries, "Puts of the fillsync row")
      ->capture_default_str();
  app.add_option("--engines", engines, "Which engines")->delimiter(',')->capture_default_str();
  app.add_option("--repeats", repeats, "How often")->capture_default_str();
  app.add_option("--directory", directory, "Where; created, and removed in the end")
      ->capture_default_str();
  app.add_flag("--compress", setup.engine.compress, "Compress tables");
  app.add_option("--json", json, "Also write the figures to this file");
  CLI11_PARSE(app, argc, argv);
  setup.engine.directory = directory;
  Report report;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    for (const std::string& engine : engines) {
      const auto found = kEngines.find(engine);
      if (found == kEngines.end()) {
        Die("there is no engine '" + engine + "'");
      }
      RunRows(setup, found->second, [&](const Row& row) {
        std::printf("%d %-8s %-26s %9.3f us/op  %8.3f s  cpu %8.3f s\n", repeat + 1, engine.c_str(),
                    row.name.c_str(), row.micros(), row.seconds, row.cpu_seconds);
        std::fflush(stdout);
        report.Add(engine, row);
      });
    }
  }
  report.Print(engines);
  if (!json.empty() && !(std::ofstream(json) << report.ToJson(setup, repeats).dump(2) << '\n')) {
    Die("cannot write " + json);
  }
  return 0;
}

}  // namespace
}  // namespace firn::bench

int main(int argc, char** argv) {
  try {
    return firn::bench::Main(argc, argv);
  } catch (const std::exception& error) {  // Of libraries, such as want of memory.
    std::fprintf(stderr, "firn_bench: %s\n", error.what());
    return 1;
  }
}
