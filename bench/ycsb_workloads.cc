// SPDX-License-Identifier: Apache-2.0
//
// YCSB's core workloads, in its order; the set grows by what D and E insert.
#include "workload.h"

namespace firn::bench {

std::span<const Workload> YcsbWorkloads() {
  using enum Action;
  using enum KeyOrder;
  using enum Operations;
  using enum Settling;
  static constexpr Workload kRows[] = {
      {.name = "load",
       .action = kPut,
       .order = kInOrder,
       .operations = kOfEntries,
       .settling = kReports,
       .fresh = true},
      {.name = "A", .action = kMix, .order = kZipfian, .mix = {.read = 50, .update = 50}},
      {.name = "B", .action = kMix, .order = kZipfian, .mix = {.read = 95, .update = 5}},
      {.name = "C", .action = kGet, .order = kZipfian},
      {.name = "F",
       .action = kMix,
       .order = kZipfian,
       .mix = {.read = 50, .read_modify_write = 50}},
      {.name = "D", .action = kMix, .order = kLatest, .mix = {.read = 95, .insert = 5}},
      {.name = "E",
       .action = kMix,
       .order = kZipfian,
       .share = 0.2,
       .each = 100,
       .mix = {.insert = 5, .scan = 95}},
  };
  return kRows;
}

}  // namespace firn::bench
