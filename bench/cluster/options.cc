// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace firn::bench {
namespace {

constexpr const char* kFooter = R"(Examples:
  firn bench cluster                                   puts and gets, five nodes, beside etcd
  firn bench cluster --peer none --workload put --in-flight 64 --seconds 10
  firn bench cluster --nodes 1 --repeats 5 --json single.json
  firn bench cluster --workload batch --in-flight 16
  firn bench cluster --workload put --rate 5000 --in-flight 1000      open loop
  firn bench cluster --workload failover,restart --rounds 5

Starts the nodes itself, on loopback and free ports, with data below /var/tmp, one system at a time
in turn, and ends them; Ctrl-C does so too. The peer is Debian's etcd (apt-get install etcd-server),
with the same heartbeats and elections and fsync on. A put is answered once a majority has it on
disk, a get is linearizable. CPU is that of all nodes together. Ratios are Firn's medians over
etcd's.)";

const std::map<std::string, Workload> kWorkloads = {
    {"put", Workload::kPut},           {"get", Workload::kGet},
    {"batch", Workload::kBatch},       {"mixed", Workload::kMixed},
    {"failover", Workload::kFailover}, {"restart", Workload::kRestart}};
const std::map<std::string, Distribution> kDistributions = {{"uniform", Distribution::kUniform},
                                                            {"zipfian", Distribution::kZipfian}};
const std::map<std::string, Target> kTargets = {
    {"leader", Target::kLeader}, {"follower", Target::kFollower}, {"any", Target::kAny}};
const std::map<std::string, bool> kPeers = {{"etcd", true}, {"none", false}};

template <typename Value>
const char* NameIn(const std::map<std::string, Value>& names, Value value) {
  const auto found =
      std::ranges::find_if(names, [value](const auto& name) { return name.second == value; });
  return found == names.end() ? "" : found->first.c_str();
}

void AddLoad(CLI::App& app, Options& options) {
  app.add_option("--workload", options.workloads,
                 "put, get, batch, mixed (half puts, half gets), failover, restart")
      ->delimiter(',')
      ->transform(CLI::Transformer(kWorkloads))
      ->default_str("get,put");
  app.add_option("--in-flight", options.in_flight, "Requests under way at a time, one row for each")
      ->delimiter(',')
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}))
      ->default_str("1,64,256,1000");
  app.add_option("--connections", options.connections, "Over which they are spread")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Of the load; more than one rarely pays")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}))
      ->capture_default_str();
  app.add_option("--target", options.target, "Whom to ask: leader, follower, or any in turn")
      ->transform(CLI::Transformer(kTargets))
      ->default_str("leader");
  app.add_option("--rate", options.rate,
                 "Requests a second, whether answered or not (open loop); 0: closed loop")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  app.add_option("--keys", options.keys, "Keys that there are; all are written first")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--distribution", options.distribution, "uniform or zipfian")
      ->transform(CLI::Transformer(kDistributions))
      ->default_str("uniform");
  app.add_option("--key-bytes", options.key_bytes, "Bytes of a key")
      ->check(CLI::Range(std::size_t{1}, std::size_t{32'768}))
      ->capture_default_str();
  app.add_option("--value-bytes", options.value_bytes, "Bytes of a value")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 20))
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Puts of a batch; etcd takes 128 at most")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
      ->capture_default_str();
}

void AddRuns(CLI::App& app, Options& options) {
  app.add_option("--seconds", options.seconds, "For each row")
      ->check(CLI::Range(0.01, 86'400.0))
      ->capture_default_str();
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before each row that do not count")
      ->check(CLI::Range(0.0, 3'600.0))
      ->capture_default_str();
  app.add_option("--operations", options.operations_max,
                 "End a row after so many; 0: by time alone")
      ->capture_default_str();
  app.add_option("--repeats", options.repeats, "Clusters of each system, in turn")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "Kills for each repeat of failover and restart")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of keys and values")->capture_default_str();
  app.add_option("--json", options.json, "Also write all figures to this file");
}

void AddClusters(CLI::App& app, Options& options) {
  app.add_option("--nodes", options.nodes, "Of a cluster")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  app.add_option("--peer", options.measures_etcd, "With whom to compare: etcd or none")
      ->transform(CLI::Transformer(kPeers))
      ->default_str("etcd");
  app.add_option("--firn", options.measures_firn, "Whether to measure Firn")->default_str("true");
  app.add_option("--tick", options.tick_ms, "Milliseconds of a heartbeat, a tenth of an election")
      ->check(CLI::Range(10, 1'000))
      ->capture_default_str();
  app.add_option("--memory", options.memory, "Budget of a node of Firn")->capture_default_str();
  app.add_option("--server-argument", options.server_arguments,
                 "More for firn serve, one word each, as --server-argument=--workers=2")
      ->allow_extra_args(false);
  app.add_option("--etcd", options.etcd, "Its program")->capture_default_str();
  app.add_option("--data", options.directory, "Where the data go; removed unless --keep is given");
  app.add_flag("--keep", options.keeps_data, "Leave data and logs where they are");
}

Result<void> CheckSense(const Options& options) {
  if (options.batch > options.keys) {
    return Error{ErrorCode::kInvalidArgument,
                 "--batch: keys of a batch differ, so there must be as many --keys"};
  }
  if (options.measures_etcd && options.batch > 128) {
    return Error{ErrorCode::kInvalidArgument,
                 "--batch: etcd takes 128 at most; try --peer none for more"};
  }
  if (std::to_string(options.keys - 1).size() > options.key_bytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "--key-bytes: the numbers of that many --keys do not fit"};
  }
  if (!options.measures_firn && !options.measures_etcd) {
    return Error{ErrorCode::kInvalidArgument,
                 "--peer none --firn false: nothing is left to measure"};
  }
  if (options.target == Target::kFollower && options.nodes == 1) {
    return Error{ErrorCode::kInvalidArgument, "--target follower: one node has none"};
  }
  if (options.nodes < 3 &&
      std::ranges::find(options.workloads, Workload::kFailover) != options.workloads.end()) {
    return Error{ErrorCode::kInvalidArgument, "--workload failover: takes three --nodes at least"};
  }
  return {};
}

}  // namespace

Result<ParsedOptions> ParseOptions(const std::vector<std::string>& arguments) {
  ParsedOptions parsed;
  CLI::App app("Measures clusters of Firn, and of etcd beside it, under one load.");
  app.name("firn bench cluster");
  app.footer(kFooter);
  AddLoad(app, parsed.options);
  AddRuns(app, parsed.options);
  AddClusters(app, parsed.options);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    parsed.help = app.help();
    return parsed;
  } catch (const CLI::ParseError& error) {
    return Error{ErrorCode::kInvalidArgument, error.what()};
  }
  const Result<void> makes_sense = CheckSense(parsed.options);
  if (!makes_sense) {
    return makes_sense.error();
  }
  return parsed;
}

const char* Name(Workload workload) { return NameIn(kWorkloads, workload); }
const char* Name(Distribution distribution) { return NameIn(kDistributions, distribution); }
const char* Name(Target target) { return NameIn(kTargets, target); }

}  // namespace firn::bench
