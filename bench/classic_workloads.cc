// SPDX-License-Identifier: Apache-2.0
//
// After LevelDB's db_bench. Its fillrandom draws keys with replacement; here each is put once, in
// random order, so that every read hits and what is alive is known. And fillsync is not its second
// row but a family of its own, whose engines take turns within seconds: the disk's speed changes
// within the minutes that the other rows take.
#include "workload.h"

namespace firn::bench {

std::span<const Workload> SyncWorkloads() {
  static constexpr Workload kRows[] = {
      {.name = "fillsync",
       .action = Action::kPutSynced,
       .operations = Operations::kOfSyncs,
       .fresh = true},
  };
  return kRows;
}

std::span<const Workload> ClassicWorkloads() {
  using enum Action;
  using enum KeyOrder;
  using enum Operations;
  using enum Settling;
  static constexpr Workload kRows[] = {
      {.name = "fillseq",
       .action = kPut,
       .order = kInOrder,
       .operations = kOfEntries,
       .settling = kReports,
       .fresh = true},
      {.name = "fill100K",
       .action = kPut,
       .order = kInOrder,
       .operations = kOfEntries,
       .share = 0.001,
       .settling = kReports,
       .fresh = true,
       .value_bytes = 100'000},
      {.name = "fillrandom",
       .action = kPut,
       .order = kShuffled,
       .operations = kOfEntries,
       .settling = kReports,
       .fresh = true},
      {.name = "overwrite", .action = kPut, .operations = kOfEntries, .settling = kReports},
      {.name = "readrandom", .action = kGet},
      {.name = "readmissing", .action = kGetMissing},
      {.name = "readhot", .action = kGet, .order = kHot},
      {.name = "seekrandom", .action = kSeek, .share = 0.5},
      {.name = "seekrandom kept cursor", .action = kSeekKept, .share = 0.5},
      {.name = "seekrandom+10", .action = kSeek, .share = 0.3, .each = 11},
      {.name = "seekrandom+100", .action = kSeek, .share = 0.1, .each = 101},
      {.name = "readseq", .action = kSweep},
      {.name = "readreverse", .action = kSweepBack},
      {.name = "compact", .action = kCompact},
      {.name = "readrandom compacted", .action = kGet},
      {.name = "readmissing compacted", .action = kGetMissing},
      {.name = "seekrandom compacted", .action = kSeek, .share = 0.5},
      {.name = "seekrandom+10 compacted", .action = kSeek, .share = 0.3, .each = 11},
      {.name = "readseq compacted", .action = kSweep},
      {.name = "readreverse compacted", .action = kSweepBack},
      {.name = "deleterandom",
       .action = kDelete,
       .operations = kOfEntries,
       .share = 0.5,
       .settling = kReports},
      {.name = "deleteseq",
       .action = kDelete,
       .order = kInOrder,
       .operations = kOfEntries,
       .settling = kReports},
  };
  return kRows;
}

}  // namespace firn::bench
