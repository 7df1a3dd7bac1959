// SPDX-License-Identifier: Apache-2.0
//
// firn-bench-cluster, also `firn bench cluster`: clusters of Firn and of etcd in turn, each with a
// fresh directory, under the same load.
#include <absl/synchronization/mutex.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <system_error>

#include "base/propagate.h"
#include "bench_directory.h"
#include "cli/child_process.h"
#include "cli/demo_terminal.h"
#include "measured_cluster.h"
#include "measurement.h"
#include "options.h"
#include "process_figures.h"
#include "report.h"

namespace firn::bench {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct System {
  std::string name;
  std::string program;
  std::unique_ptr<MeasuredCluster> (*make)(ClusterPlan plan);
};

Result<std::vector<System>> SystemsOf(const Options& options) {
  FIRN_TRY_ASSIGN(const std::string own, cli::OwnProgram());
  const std::string firn = own.substr(0, own.rfind('/')) + "/firn";
  std::vector<System> systems;
  if (options.measures_firn) {
    systems.push_back({.name = "firn", .program = firn, .make = MakeFirnCluster});
  }
  if (options.measures_etcd) {
    systems.push_back({.name = "etcd", .program = options.etcd, .make = MakeEtcdCluster});
  }
  return systems;
}

Result<void> RunOne(const Options& options, const System& system, int repeat, Report& report) {
  const std::string directory = options.directory + "/" + system.name + std::to_string(repeat);
  std::error_code failed;
  std::filesystem::create_directory(directory, failed);
  std::fprintf(stderr, "%s %d: starting %d nodes\n", system.name.c_str(), repeat, options.nodes);
  {
    const auto cluster = system.make({.program = system.program,
                                      .directory = directory,
                                      .nodes = options.nodes,
                                      .tick_ms = options.tick_ms,
                                      .memory = options.memory,
                                      .more_arguments = options.server_arguments});
    FIRN_TRY(cluster->Start());
    FIRN_TRY_ASSIGN(const MeasuredCluster::Standing standing, cluster->Ask(0));
    report.NoteVersion(system.name, standing.version);
    Measurement measurement(options, *cluster, system.name, repeat,
                            [&report](Row row) { report.Add(std::move(row)); });
    FIRN_TRY(measurement.Run());
  }
  if (!options.keeps_data) {
    std::filesystem::remove_all(directory, failed);
  }
  return {};
}

Result<void> RunAll(const Options& options, Report& report) {
  FIRN_TRY_ASSIGN(const std::vector<System> systems, SystemsOf(options));
  for (int repeat = 1; repeat <= options.repeats; ++repeat) {
    for (const System& system : systems) {
      FIRN_TRY(RunOne(options, system, repeat, report));
    }
  }
  return {};
}

int Complain(const Error& error, int exit_code) {
  std::fprintf(stderr, "firn bench cluster: %s\n", error.context.c_str());
  return exit_code;
}

// What was measured before a failure, or before the user lost patience, is reported all the same.
int Main(int argc, char** argv) {
  Result<ParsedOptions> parsed = ParseOptions({argv + 1, argv + argc});
  if (!parsed) {
    return Complain(parsed.error(), kUsage);
  }
  if (!parsed->help.empty()) {
    std::fputs(parsed->help.c_str(), stdout);
    return 0;
  }
  Options& options = parsed->options;
  BenchDirectory directory(options.keeps_data);
  if (const Result<void> made = directory.Make(options.directory); !made) {
    return Complain(made.error(), kFailed);
  }
  options.directory = directory.path();
  const std::string file_system = FileSystemOf(options.directory);
  std::fprintf(stderr, "%s, data on %s in %s\n", MachineName().c_str(), file_system.c_str(),
               options.directory.c_str());
  if (file_system == "tmpfs") {
    std::fputs("which is memory, where a sync costs nothing: name a disk with --data\n", stderr);
  }
  // Debian's gRPC looks for deadlocks at every lock, at the expense of what is measured.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Report report;
  cli::IsToldToStop();  // From here on a signal ends it in order.
  const Result<void> run = RunAll(options, report);
  if (!report.empty()) {
    std::printf("%s", report.Table().c_str());
  }
  if (!options.json.empty()) {
    if (const Result<void> written = report.WriteJson(options.json, options); !written) {
      return Complain(written.error(), kFailed);
    }
  }
  return run ? 0 : Complain(run.error(), kFailed);
}

}  // namespace
}  // namespace firn::bench

int main(int argc, char** argv) {
  try {
    return firn::bench::Main(argc, argv);
  } catch (const std::exception& error) {  // Of libraries, such as want of memory.
    std::fprintf(stderr, "firn bench cluster: %s\n", error.what());
    return firn::bench::kFailed;
  }
}
