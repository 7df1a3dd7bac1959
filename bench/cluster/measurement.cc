// SPDX-License-Identifier: Apache-2.0
//
// CPU, memory and bytes written are those of the node processes between two samples; the operations
// they are divided by are those answered in between.
#include "measurement.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/propagate.h"
#include "process_figures.h"

namespace firn::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kWriteInFlight = 16;
// The fill when etcd is measured, too: each of its reads copies a buffer that has room for the most
// keys that ever were written within 100 ms, so that a fast fill would make its gets cost twice.
constexpr double kGentleRate = 1'000;
constexpr std::size_t kGentleBatch = 8;
constexpr milliseconds kConnectPatience{10'000};
constexpr int kSyncWrites = 200;
// The steady load of a fail-over, which must reach no limit while nobody answers.
constexpr double kFailoverRate = 500;
constexpr std::size_t kFailoverInFlight = 2'000;
constexpr milliseconds kFailoverTimeout{2'000};
constexpr milliseconds kFailoverWarmUp{500};

nanoseconds Seconds(double seconds) {
  return nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

double Micros(nanoseconds duration) { return static_cast<double>(duration.count()) / 1e3; }

Operation OperationOf(Workload workload) {
  switch (workload) {
    case Workload::kGet: return Operation::kGet;
    case Workload::kMixed: return Operation::kMixed;
    case Workload::kBatch:
    case Workload::kRestart: return Operation::kBatch;
    case Workload::kPut:
    case Workload::kFailover: break;
  }
  return Operation::kPut;
}

}  // namespace

struct Measurement::Sample {
  steady_clock::time_point time = steady_clock::now();
  double client_cpu_seconds = OwnCpuSeconds();
  std::vector<ProcessFigures> nodes{};
};

Result<Measurement::Sample> Measurement::TakeSample() const {
  Sample sample;
  for (int node = 0; node < cluster_.size(); ++node) {
    FIRN_TRY_ASSIGN(ProcessFigures figures, ReadProcess(cluster_.process(node)));
    sample.nodes.push_back(figures);
  }
  return sample;
}

std::map<std::string, double> Measurement::FiguresOf(const Sample& before, const Sample& after,
                                                     const LoadFigures& load) {
  const double seconds = std::chrono::duration<double>(after.time - before.time).count();
  const auto counted = static_cast<double>(load.latencies.count());
  const double operations = std::max(counted, 1.0);
  double cpu = 0;
  double cpu_most = 0;
  double written = 0;
  double resident_peak = 0;
  for (std::size_t i = 0; i < after.nodes.size(); ++i) {
    const double own = after.nodes[i].cpu_seconds - before.nodes[i].cpu_seconds;
    cpu += own;
    cpu_most = std::max(cpu_most, own);
    written += static_cast<double>(after.nodes[i].written_bytes - before.nodes[i].written_bytes);
    resident_peak =
        std::max(resident_peak, static_cast<double>(after.nodes[i].resident_peak_bytes));
  }
  const double client_cpu = after.client_cpu_seconds - before.client_cpu_seconds;
  return {{"operations_per_second", counted / seconds},
          {"p50_us", Micros(load.latencies.Quantile(0.5))},
          {"p99_us", Micros(load.latencies.Quantile(0.99))},
          {"p999_us", Micros(load.latencies.Quantile(0.999))},
          {"max_us", Micros(load.latencies.max())},
          {"server_cpu_us_per_op", cpu * 1e6 / operations},
          {"busiest_node_cpu_us_per_op", cpu_most * 1e6 / operations},
          {"client_cpu_us_per_op", client_cpu * 1e6 / operations},
          {"client_cpu_share", client_cpu / std::max(client_cpu + cpu, 1e-9)},
          {"resident_peak_mib", resident_peak / 0x1p20},
          {"written_bytes_per_op", written / operations},
          {"seconds", seconds},
          {"missing", static_cast<double>(load.missing)}};
}

Row Measurement::NewRow(std::string name) const {
  return {.system = system_, .repeat = repeat_, .name = std::move(name)};
}

LoadPlan Measurement::PlanOf(Workload workload, std::size_t in_flight) const {
  return {.operation = OperationOf(workload),
          .distribution = options_.distribution,
          .keys = options_.keys,
          .key_bytes = options_.key_bytes,
          .value_bytes = options_.value_bytes,
          .batch = options_.batch,
          .in_flight = in_flight,
          .connections = std::min(options_.connections, in_flight),
          .threads = options_.threads,
          .rate = options_.rate,
          .seed = options_.seed + static_cast<std::uint64_t>(repeat_) * 1'000'003 + in_flight};
}

// Of the nodes that are asked; the leader may have changed since the last row.
Result<std::vector<std::string>> Measurement::Addresses() {
  FIRN_TRY_ASSIGN(const int leader, cluster_.AwaitLeader());
  std::vector<std::string> addresses;
  for (int node = 0; node < cluster_.size(); ++node) {
    if (options_.target == Target::kAny ||
        (node == leader) == (options_.target == Target::kLeader)) {
      addresses.push_back(cluster_.address(node));
    }
  }
  return addresses;
}

Result<void> Measurement::Run() {
  FIRN_TRY(Fill());
  for (const Workload workload : options_.workloads) {
    if (workload == Workload::kFailover) {
      FIRN_TRY(MeasureFailovers());
    } else if (workload == Workload::kRestart) {
      FIRN_TRY(MeasureRestarts());
    } else {
      for (const std::size_t in_flight : options_.in_flight) {
        FIRN_TRY(MeasureLoad(workload, in_flight));
      }
    }
  }
  return {};
}

Result<void> Measurement::Fill() {
  LoadPlan plan = PlanOf(Workload::kBatch, kWriteInFlight);
  plan.fills = true;
  plan.rate = options_.measures_etcd ? kGentleRate : 0;
  plan.batch = options_.measures_etcd ? std::min(plan.batch, kGentleBatch) : plan.batch;
  FIRN_TRY_ASSIGN(const std::vector<std::string> addresses, Addresses());
  Load load(plan, cluster_.wire(), addresses);
  if (!load.Connect(kConnectPatience)) {
    return Error{ErrorCode::kIo, "cannot connect to " + addresses.front()};
  }
  load.BeginCounting();
  load.Start();
  while (!load.is_done()) {  // As long as it takes: a request that fails is not sent again.
    if (!Pause(kClusterTurn)) {
      return Error{ErrorCode::kIo, "told to stop"};
    }
  }
  load.Stop();
  const LoadFigures figures = load.figures();
  if (!figures.errors.empty()) {
    const auto& [status, count] = *figures.errors.begin();
    return Error{ErrorCode::kIo, system_ + ": " + std::to_string(count) +
                                     " batches of the first keys failed with " + status};
  }
  return {};
}

Result<void> Measurement::MeasureLoad(Workload workload, std::size_t in_flight) {
  FIRN_TRY_ASSIGN(const std::vector<std::string> addresses, Addresses());
  FIRN_TRY_ASSIGN(const SyncLatency sync, MeasureSync(options_.directory, kSyncWrites));
  Load load(PlanOf(workload, in_flight), cluster_.wire(), addresses);
  if (!load.Connect(kConnectPatience)) {
    return Error{ErrorCode::kIo, "cannot connect to " + addresses.front()};
  }
  Row row = NewRow(std::string(Name(workload)) + " " + std::to_string(in_flight));
  std::fprintf(stderr, "%s %d %s: %.3g s\n", system_.c_str(), repeat_, row.name.c_str(),
               options_.warm_up_seconds + options_.seconds);
  load.Start();
  if (!Pause(Seconds(options_.warm_up_seconds))) {
    return Error{ErrorCode::kIo, "told to stop"};
  }
  for (int node = 0; node < cluster_.size(); ++node) {
    ForgetPeak(cluster_.process(node));
  }
  FIRN_TRY_ASSIGN(const Sample before, TakeSample());
  load.BeginCounting();
  const auto end = before.time + Seconds(options_.seconds);
  while (steady_clock::now() < end &&
         (options_.operations_max == 0 || load.counted() < options_.operations_max)) {
    if (!Pause(std::min<nanoseconds>(end - steady_clock::now(), milliseconds(20)))) {
      return Error{ErrorCode::kIo, "told to stop"};
    }
  }
  load.EndCounting();
  FIRN_TRY_ASSIGN(const Sample after, TakeSample());
  load.Stop();

  const LoadFigures figures = load.figures();
  const double keys = workload == Workload::kBatch ? static_cast<double>(options_.batch) : 1;
  row.figures = FiguresOf(before, after, figures);
  row.figures["keys_per_second"] = row.figures["operations_per_second"] * keys;
  row.figures["sync_p50_us"] = Micros(sync.median);
  row.figures["sync_p99_us"] = Micros(sync.p99);
  row.errors = figures.errors;
  report_(std::move(row));
  return {};
}

Result<void> Measurement::MeasureFailovers() {
  for (int round = 0; round < options_.rounds; ++round) {
    FIRN_TRY_ASSIGN(const nanoseconds unavailable, OneFailover());
    Row row = NewRow("failover");
    row.figures["unavailable_ms"] = Micros(unavailable) / 1e3;
    report_(std::move(row));
  }
  return {};
}

// The load asks the nodes that will survive, which hand what they cannot do to the leader. What
// counts is a request that was sent after the kill.
Result<nanoseconds> Measurement::OneFailover() {
  FIRN_TRY(cluster_.AwaitAll());
  FIRN_TRY_ASSIGN(const int leader, cluster_.AwaitLeader());
  std::vector<std::string> survivors;
  for (int node = 0; node < cluster_.size(); ++node) {
    if (node != leader) {
      survivors.push_back(cluster_.address(node));
    }
  }
  LoadPlan plan = PlanOf(Workload::kFailover, kFailoverInFlight);
  plan.rate = options_.rate > 0 ? options_.rate : kFailoverRate;
  plan.timeout = kFailoverTimeout;
  plan.connections = std::max(options_.connections, survivors.size());
  Load load(plan, cluster_.wire(), survivors);
  if (!load.Connect(kConnectPatience)) {
    return Error{ErrorCode::kIo, "cannot connect to " + survivors.front()};
  }
  load.Start();
  if (!Pause(kFailoverWarmUp)) {
    return Error{ErrorCode::kIo, "told to stop"};
  }
  cluster_.BeginKill(leader);
  load.Mark();
  cluster_.Kill(leader);
  FIRN_TRY(Await("nothing succeeds after the leader's end",
                 [&load]() -> Result<bool> { return load.FirstSuccessAfterMark().has_value(); }));
  load.Stop();
  FIRN_TRY(cluster_.Restart(leader));
  return *load.FirstSuccessAfterMark();
}

Result<void> Measurement::MeasureRestarts() {
  for (int round = 0; round < options_.rounds; ++round) {
    FIRN_TRY_ASSIGN(const nanoseconds taken, OneRestart());
    Row row = NewRow("restart");
    row.figures["restart_ms"] = Micros(taken) / 1e3;
    report_(std::move(row));
  }
  return {};
}

Result<void> Measurement::WriteForARow() {
  FIRN_TRY_ASSIGN(const std::vector<std::string> addresses, Addresses());
  LoadPlan plan = PlanOf(Workload::kRestart, kWriteInFlight);
  plan.rate = 0;
  Load load(plan, cluster_.wire(), addresses);
  if (!load.Connect(kConnectPatience)) {
    return Error{ErrorCode::kIo, "cannot connect to " + addresses.front()};
  }
  load.Start();
  if (!Pause(Seconds(options_.seconds))) {
    return Error{ErrorCode::kIo, "told to stop"};
  }
  return {};
}

// Batches for the time of a row, then the last node is killed and started again: from there until
// it answers a linearizable read, which it can when it has read its log and has caught up.
Result<nanoseconds> Measurement::OneRestart() {
  FIRN_TRY(cluster_.AwaitAll());
  FIRN_TRY(WriteForARow());
  const int victim = cluster_.size() - 1;
  cluster_.Kill(victim);
  LoadPlan plan = PlanOf(Workload::kGet, kFailoverInFlight);
  plan.rate = kFailoverRate;
  plan.timeout = kFailoverTimeout;
  plan.connections = 1;
  plan.awaits_connection = true;
  Load load(plan, cluster_.wire(), {cluster_.address(victim)});
  load.Mark();
  FIRN_TRY(cluster_.Restart(victim));
  load.Start();
  FIRN_TRY(Await("the node does not come back",
                 [&load]() -> Result<bool> { return load.FirstSuccessAfterMark().has_value(); }));
  load.Stop();
  return *load.FirstSuccessAfterMark();
}

}  // namespace firn::bench
