// SPDX-License-Identifier: Apache-2.0
//
// Carries out one plan: merges the inputs in entry order, drops what no reader can need, and writes
// the rest as tables of the target level. Reads past the block cache. The result is an edit that
// the caller puts into effect; until then nothing of the database has changed, and a failed job
// takes its outputs away.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "firn/statistics.h"
#include "storage/compaction/picker.h"
#include "storage/compaction/version_filter.h"
#include "storage/version/table_output.h"

namespace firn {

struct CompactionSetup {
  TableOutput::Setup output;
  std::string directory;
  const Version& version;               // That the plan was made from.
  std::vector<SequenceNumber> readers;  // As VersionFilter wants them.
  // Shared by all inputs for what is read ahead of them.
  std::size_t read_memory_bytes = 0;
  // An output ends when its filter to be has taken as much.
  std::size_t filter_memory_bytes = SIZE_MAX;
  // Called every few thousand entries; an error ends the job with it.
  std::function<Result<void>()> pause;
};

struct CompactionOutcome {
  VersionEdit edit;
  CompactionResult result;
};

// Blocks for as long as it takes. kCorruption names the damaged input, which is marked so that it
// is not picked again; kNoSpace, kIo.
Result<CompactionOutcome> RunCompaction(const CompactionPlan& plan, const CompactionSetup& setup);

}  // namespace firn
