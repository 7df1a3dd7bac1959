// SPDX-License-Identifier: Apache-2.0
//
// What `firn bench cluster` can be told. Its --help says what each option means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firn/result.h"
#include "key_chooser.h"

namespace firn::bench {

enum class Workload : std::uint8_t { kPut, kGet, kBatch, kMixed, kFailover, kRestart };
enum class Target : std::uint8_t { kLeader, kFollower, kAny };

struct Options {
  int nodes = 5;
  bool measures_firn = true;
  bool measures_etcd = true;
  std::vector<Workload> workloads = {Workload::kGet, Workload::kPut};
  std::vector<std::size_t> in_flight = {1, 64, 256, 1000};
  std::size_t connections = 8;
  std::size_t threads = 1;
  std::uint64_t keys = 100'000;
  Distribution distribution = Distribution::kUniform;
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 100;
  std::size_t batch = 100;
  double seconds = 5;
  double warm_up_seconds = 1;
  std::uint64_t operations_max = 0;  // Of a row; 0: no limit but the time.
  int repeats = 1;
  int rounds = 5;
  double rate = 0;
  Target target = Target::kLeader;
  int tick_ms = 100;
  std::string memory = "64MiB";
  std::vector<std::string> server_arguments;
  std::uint64_t seed = 1;
  std::string json;
  std::string directory;  // Empty: a temporary one.
  std::string etcd = "/usr/bin/etcd";
  bool keeps_data = false;
};

// Of main's arguments. Help was asked for: the options are empty and `help` is what to print.
struct ParsedOptions {
  Options options{};
  std::string help{};
};
// kInvalidArgument says which option and what is wrong with it.
Result<ParsedOptions> ParseOptions(const std::vector<std::string>& arguments);

const char* Name(Workload workload);
const char* Name(Distribution distribution);
const char* Name(Target target);

}  // namespace firn::bench
