// SPDX-License-Identifier: Apache-2.0
//
// Runs the rows of one family on one engine, in a process that does nothing else.
#pragma once

#include <functional>
#include <string>

#include "load.h"
#include "meter.h"

namespace firn::bench {

// What is to be run, once.
struct Job {
  const EngineKind* engine = nullptr;
  const Family* family = nullptr;
  EntryForm form{};
  std::uint64_t entries = 0;
  std::uint64_t reads = 0;
  std::uint64_t syncs = 0;
  unsigned threads = 1;
  EngineOptions options{};  // Its directory exists, and is used by nobody else.
  std::uint64_t seed = 1;
  double sustained_seconds = 60;
};

struct RowSink {
  std::function<void(const std::string& name)> begin;
  std::function<void(const Row& row)> end;
};

class Runner {
 public:
  Runner(const Job& job, RowSink sink);
  void Run();

 private:
  void RunOne(const Workload& workload);
  void RunWriting(const Workload& workload);
  void RunReading(const Workload& workload);
  void RunCompact(const Workload& workload);

  void OpenFresh();
  void WarmUp(const Load& load);
  Load LoadOf(const Workload& workload) const;
  std::uint64_t LiveBytes() const { return stage_.numbers * stage_.form.bytes(); }
  void AddSpace(Figures& figures) const;
  void Emit(std::string name, Figures figures) const;

  const Job job_;
  const RowSink sink_;
  EngineOptions options_;
  Stage stage_;
  Meter meter_;
  // What is in the cache is not what reads will find there.
  bool is_cold_ = false;
};

}  // namespace firn::bench
