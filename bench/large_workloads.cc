// SPDX-License-Identifier: Apache-2.0
//
// A set that is five times the memory it may use, page cache included.
#include "workload.h"

namespace firn::bench {

std::span<const Workload> LargeWorkloads() {
  using enum Action;
  using enum KeyOrder;
  using enum Operations;
  using enum Settling;
  static constexpr Workload kRows[] = {
      {.name = "fillrandom",
       .action = kPut,
       .order = kShuffled,
       .operations = kOfEntries,
       .settling = kReports,
       .fresh = true},
      {.name = "readrandom", .action = kGet, .share = 0.1},
      {.name = "readrandom zipfian", .action = kGet, .order = kZipfian, .share = 0.2},
      {.name = "readmissing", .action = kGetMissing, .share = 0.2},
      {.name = "fwdrange", .action = kSeek, .share = 0.02, .each = 100},
      {.name = "overwrite zipfian",
       .action = kPut,
       .order = kZipfian,
       .operations = kOfEntries,
       .share = 0.1,
       .settling = kReports},
      {.name = "overwrite",
       .action = kPut,
       .operations = kOfEntries,
       .share = 0.1,
       .settling = kReports},
      {.name = "overwrite half",
       .action = kPut,
       .operations = kOfEntries,
       .share = 0.5,
       .settling = kReports},
  };
  return kRows;
}

}  // namespace firn::bench
