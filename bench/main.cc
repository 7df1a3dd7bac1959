// SPDX-License-Identifier: Apache-2.0
//
// firn_bench: Firn and its peers on the same rows, interleaved, medians of the repeats.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>

#include "workload.h"

namespace firn::bench {

void Die(const std::string& message) {
  std::fprintf(stderr, "firn_bench: %s\n", message.c_str());
  std::exit(1);
}

namespace {

const std::map<std::string, OpenEngine> kEngines = {
    {"firn", OpenFirn}, {"rocksdb", OpenRocksDb}, {"leveldb", OpenLevelDb}};

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
};

int Main(int argc, char** argv) {
  Setup setup;
  std::vector<std::string> engines = {"firn", "rocksdb", "leveldb"};
  int repeats = 1;
  std::string directory = "/tmp/firn_bench." + std::to_string(getpid());
  CLI::App app{"Runs Firn and its peers on the same rows, interleaved."};
  app.footer("Example: firn_bench --entries 1000000 --repeats 5 --engines firn,leveldb");
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
  return 0;
}

}  // namespace
}  // namespace firn::bench

int main(int argc, char** argv) { return firn::bench::Main(argc, argv); }
