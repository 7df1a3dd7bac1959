// SPDX-License-Identifier: Apache-2.0
//
// Rows that are more than a loop over keys.
#pragma once

#include <cstdint>

#include "load.h"
#include "meter.h"

namespace firn::bench {

struct DailyPlan {
  const Workload& workload;
  Stage& stage;
  Meter& meter;
  const EngineKind& kind;
  const EngineOptions& options;  // Of the stage's database.
  std::uint64_t operations = 1;
  double seconds = 60;  // Of the sustained row.
  std::uint64_t seed = 1;
};

class DailyRows {
 public:
  explicit DailyRows(const DailyPlan& plan) : plan_(plan) {}

  // Finds the rate at which all entries are overwritten, background work included, and then
  // overwrites at 80 % of it for the time of the row, in an open loop: operations come due four
  // times a millisecond, and latency counts from then on. Compared by the longest.
  Row Sustain() const;
  // 1,000 entries wait in a queue. An operation puts one at the end, finds the first with a new
  // cursor, reads and deletes it.
  Row Queue() const;
  // A cursor reads all entries bit by bit while they are overwritten; an operation is a put, and
  // its part of that.
  Row LongCursor() const;
  // Deletes nine of ten entries. Compared by the space that is left, as parts of what is alive.
  Row ThinOut() const;
  // A process fills a log of twice the usual memtable and is killed. Compared by the time to open
  // and read what came last. Only in a process that has opened no engine before.
  Row ReopenKilled() const;
  // Writes some more, closes, opens again.
  Row ReopenClosed() const;

 private:
  double SustainableRate() const;
  void WriteOpenLoop(double rate, Row& row) const;
  EngineOptions LargeMemtable() const;
  std::uint64_t LogEntries() const;
  void FillLog(std::uint64_t begin, std::uint64_t end) const;
  Row MeasureOpen(std::uint64_t last) const;

  const DailyPlan plan_;
};

}  // namespace firn::bench
