// SPDX-License-Identifier: Apache-2.0
//
// Carries out one plan: merges the inputs in entry order, drops what no reader can need, and writes
// the rest as tables of the target level. Reads past the block cache. The result is an edit that
// the caller puts into effect; until then nothing of the database has changed, and a failed job
// takes its outputs away.
//
// A merge of level 0 into level 1 is put into effect part by part: whenever an output ends between
// two tables of level 1, those before that point are replaced by the outputs so far. So it needs no
// second copy of level 1, and what it has written may go further down while it works. Level 0 keeps
// its tables to the end, and readers ask it first, so they find what they found before. If the job
// fails its parts stay, and the next one meets entries that are in both (docs/invariants.md I-C5).
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
  std::shared_ptr<const Version> version;  // That the plan was made from.
  std::vector<SequenceNumber> readers;     // As VersionFilter wants them.
  // Shared by all inputs for what is read ahead of them.
  std::size_t read_memory_bytes = 0;
  // An output ends when its filter to be has taken as much.
  std::size_t filter_memory_bytes = SIZE_MAX;
  // Called every few thousand entries; an error ends the job with it.
  std::function<Result<void>()> pause;
  // Puts a part into effect. Its outputs are the caller's then, also when it fails.
  std::function<Result<void>(VersionEdit part)> install;
};

struct CompactionOutcome {
  VersionEdit edit;  // What no part has put into effect.
  CompactionResult result;
};

// Blocks for as long as it takes. kCorruption names the damaged input, which is marked so that it
// is not picked again; kNoSpace, kIo.
Result<CompactionOutcome> RunCompaction(CompactionPlan plan, CompactionSetup setup);

}  // namespace firn
