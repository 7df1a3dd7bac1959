// SPDX-License-Identifier: Apache-2.0
//
// Measures one running cluster: fills it, then puts one load after another on it, or kills nodes
// under it. For one thread. Every function blocks; kIo when the cluster fails or the user asks for
// an end.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "load.h"
#include "measured_cluster.h"
#include "options.h"
#include "row.h"

namespace firn::bench {

class Measurement {
 public:
  // Both outlive it. Each row is handed to `report` when it is done.
  Measurement(const Options& options, MeasuredCluster& cluster, std::string system, int repeat,
              std::function<void(Row)> report)
      : options_(options),
        cluster_(cluster),
        system_(std::move(system)),
        repeat_(repeat),
        report_(std::move(report)) {}

  // Writes every key once, then measures all workloads in their order.
  Result<void> Run();

 private:
  struct Sample;

  Result<void> Fill();
  Result<void> MeasureLoad(Workload workload, std::size_t in_flight);
  Result<void> MeasureFailovers();
  Result<void> MeasureRestarts();
  Result<std::chrono::nanoseconds> OneFailover();
  Result<std::chrono::nanoseconds> OneRestart();
  Result<void> WriteForARow();
  Result<std::vector<std::string>> Addresses();
  Result<Sample> TakeSample() const;
  static std::map<std::string, double> FiguresOf(const Sample& before, const Sample& after,
                                                 const LoadFigures& load);
  LoadPlan PlanOf(Workload workload, std::size_t in_flight) const;
  Row NewRow(std::string name) const;

  const Options& options_;
  MeasuredCluster& cluster_;
  const std::string system_;
  const int repeat_;
  const std::function<void(Row)> report_;
};

}  // namespace firn::bench
