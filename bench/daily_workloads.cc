// SPDX-License-Identifier: Apache-2.0
//
// What users feel and benchmarks skip. Most are more than a loop: daily_rows.cc says what they do.
#include "workload.h"

namespace firn::bench {

std::span<const Workload> DailyWorkloads() {
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
      {.name = "sustained overwrite", .action = kSustain, .operations = kOfEntries},
      {.name = "long cursor under writes",
       .action = kLongCursor,
       .operations = kOfEntries,
       .share = 0.5},
      {.name = "space after deleting 90 %",
       .action = kThinOut,
       .operations = kOfEntries,
       .share = 0.9},
      {.name = "queue", .action = kQueue, .operations = kOfEntries, .share = 0.004, .fresh = true},
  };
  return kRows;
}

std::span<const Workload> OpenWorkloads() {
  using enum Action;
  static constexpr Workload kRows[] = {
      {.name = "open after kill -9", .action = kReopenKilled},
      {.name = "open after close", .action = kReopenClosed},
  };
  return kRows;
}

}  // namespace firn::bench
