// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

namespace firn::bench {

const std::vector<Family>& Families() {
  static const std::vector<Family> families = {
      {.name = "sync", .what = "LevelDB's fillsync", .workloads = SyncWorkloads(), .turns = 5},
      {.name = "classic", .what = "LevelDB's rows", .workloads = ClassicWorkloads()},
      {.name = "rocksdb", .what = "RocksDB's rows", .workloads = RocksWorkloads()},
      {.name = "ycsb",
       .what = "YCSB, 100 B",
       .workloads = YcsbWorkloads(),
       .value_bytes = 100,
       .scattered = true},
      {.name = "ycsb-1k",
       .what = "YCSB, 1 KB",
       .workloads = YcsbWorkloads(),
       .value_bytes = 1000,
       .entries_share = 0.2,
       .scattered = true},
      {.name = "daily", .what = "what users feel", .workloads = DailyWorkloads()},
      {.name = "open", .what = "reopening", .workloads = OpenWorkloads()},
      {.name = "large",
       .what = "larger than memory",
       .workloads = LargeWorkloads(),
       .larger_than_memory = true},
  };
  return families;
}

bool IsWriting(Action action) {
  using enum Action;
  switch (action) {
    case kGet:
    case kGetMissing:
    case kMultiGet:
    case kSeek:
    case kSeekKept:
    case kSeekBack:
    case kSweep:
    case kSweepBack: return false;
    default: return true;
  }
}

}  // namespace firn::bench
