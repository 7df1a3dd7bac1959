// SPDX-License-Identifier: Apache-2.0
//
// After RocksDB's tools/benchmark_compare.sh, in its order. Rows "as left" find the background work
// that overwritesome left behind.
#include "workload.h"

namespace firn::bench {

std::span<const Workload> RocksWorkloads() {
  using enum Action;
  using enum KeyOrder;
  using enum Operations;
  using enum Settling;
  static constexpr Workload kRows[] = {
      {.name = "load",
       .action = kPut,
       .order = kShuffled,
       .operations = kOfEntries,
       .settling = kSilent,
       .fresh = true},
      {.name = "revrange", .action = kSeekBack, .share = 0.1, .each = 100},
      {.name = "fwdrange", .action = kSeek, .share = 0.1, .each = 100},
      {.name = "multireadrandom", .action = kMultiGet, .share = 0.1, .each = 10},
      {.name = "overwritesome", .action = kPut, .operations = kOfEntries, .share = 0.1},
      {.name = "readrandom as left", .action = kGet},
      {.name = "seekrandom as left", .action = kSeek, .share = 0.5},
      {.name = "readwhilewriting", .action = kGet, .with_writer = true},
      {.name = "fwdrangewhilewriting",
       .action = kSeek,
       .share = 0.3,
       .each = 10,
       .with_writer = true},
      {.name = "overwriteandwait",
       .action = kPut,
       .operations = kOfEntries,
       .share = 0.5,
       .settling = kIncludes},
  };
  return kRows;
}

}  // namespace firn::bench
