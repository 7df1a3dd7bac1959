// SPDX-License-Identifier: Apache-2.0
//
// Workloads as data: what a row does, to which entries and how often. A family is a sequence of
// them that share databases and a process; its rows are named here and nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "key_sequence.h"

namespace firn::bench {

enum class Action : std::uint8_t {
  kPut,
  kPutSynced,
  kDelete,
  kGet,
  kGetMissing,
  kMultiGet,  // `each` keys.
  kSeek,      // With a new cursor, as the peers' benchmarks do, and `each` entries forward.
  kSeekKept,  // With the same cursor again.
  kSeekBack,  // With a new cursor, `each` entries back.
  kSweep,     // All entries in order.
  kSweepBack,
  kCompact,  // Everything, by the engine's own call: one operation for each entry.
  kMix,
  kSustain,  // From here on: rows.h.
  kQueue,
  kLongCursor,
  kThinOut,
  kReopenKilled,
  kReopenClosed,
};

// In per cent.
struct Mix {
  unsigned read = 0;
  unsigned update = 0;
  unsigned insert = 0;
  unsigned scan = 0;  // 1 to `each` entries.
  unsigned read_modify_write = 0;
};

enum class Operations : std::uint8_t {
  kOfEntries,  // A share of the entries of the set.
  kOfReads,    // A share of --reads.
  kOfSyncs,    // A share of --syncs.
};

enum class Settling : std::uint8_t {
  kLeaves,    // The next row finds what background work this one left.
  kReports,   // Waits until it is done, and a second row "… settled" counts that time too.
  kIncludes,  // One row, with that time.
  kSilent,    // Waits, and is no row: it prepares for others.
};

struct Workload {
  std::string_view name;
  Action action = Action::kGet;
  KeyOrder order = KeyOrder::kUniform;
  Operations operations = Operations::kOfReads;
  double share = 1;
  unsigned each = 1;
  Mix mix{};
  Settling settling = Settling::kLeaves;
  bool fresh = false;           // In a new database.
  bool with_writer = false;     // While a thread of its own overwrites at 2 MB/s.
  std::size_t value_bytes = 0;  // 0: as the set has it.
};

struct Family {
  std::string_view name;
  std::string_view what;
  std::span<const Workload> workloads;
  // Values of so many bytes, with the entries scaled by `entries_share`. 0: as the set has it.
  std::size_t value_bytes = 0;
  double entries_share = 1;
  bool scattered = false;
  bool larger_than_memory = false;  // Runs under a limit of memory, and only when asked for.
  int turns = 1;                    // Of each engine in a repeat; each counts as one.
};

std::span<const Workload> SyncWorkloads();
std::span<const Workload> ClassicWorkloads();  // LevelDB's.
std::span<const Workload> RocksWorkloads();    // RocksDB's.
std::span<const Workload> YcsbWorkloads();
std::span<const Workload> DailyWorkloads();  // What users feel.
std::span<const Workload> OpenWorkloads();   // Of that, in a process that has opened nothing.
std::span<const Workload> LargeWorkloads();  // Larger than memory.

const std::vector<Family>& Families();

// Whether it changes the database. Each operation of such a row is timed; rows that only read are
// timed in a second, shorter pass, since a look at the clock would cost a good part of a read.
bool IsWriting(Action action);

}  // namespace firn::bench
