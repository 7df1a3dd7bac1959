// SPDX-License-Identifier: Apache-2.0
//
// What reading tables costs, counted where the work happens. One set for each database, held by its
// block cache.
#pragma once

#include "base/striped_counter.h"

namespace firn {

enum class TableCounter {
  kFilterChecks,
  kFilterUseful,          // The filter ruled the table out.
  kFilterFalsePositives,  // It did not, and the key was not there, or not for the reader.
  kBlocksSearched,        // By point reads.
  kCacheHits,
  kCacheMisses,
  kFileReads,
  kFileBytesRead,
  kCount,
};

using TableCounters = StripedCounters<TableCounter>;

}  // namespace firn
