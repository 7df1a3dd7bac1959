// SPDX-License-Identifier: Apache-2.0
//
// How Options::memory_budget_bytes is divided. Background merges have a sixteenth for what they
// read ahead, and 18 MiB are set aside for what is always there. Memtables have the first claim on
// what is left, up to three quarters of the budget, and leave an eighth of it to the cache; index
// and filter of open tables come next (BlockCache::AddResident), and cached blocks have the rest,
// which therefore shrinks and grows all the time. What is not divided, and is to stay within the
// quarter that options.h allows on top: an eighth that blocks of many sizes waste, iterators,
// tables being written, and freed memory that the allocator keeps. Thread-safe.
#pragma once

#include <cstddef>

#include "storage/engine/parts.h"

namespace firn {

// How many memtables there may be, the active one included; two at least.
std::size_t MemtablesMax(const EngineParts& parts);

// For what one merge reads ahead of its inputs. Two merges may run.
std::size_t MergeReadBytes(const Options& options);
// For the filter of the table that one merge is writing; not set aside, as it is full only for
// moments.
std::size_t MergeFilterBytes(const Options& options);

// Gives the cache what memtables leave of the budget. To be called now and then, when one was
// frozen or flushed, and before one is frozen with `memtables_to_come` 1. Evicts: not under an
// EpochGuard, and not with the right to commit.
void SizeCache(EngineParts& parts, std::size_t memtables_to_come = 0);

}  // namespace firn
