// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/memory_budget.h"

#include <algorithm>

namespace firn {
namespace {

constexpr std::size_t kMergeShare = 32;
constexpr std::size_t kMergesMax = 2;
// What does not shrink with the budget: buffers of tables that are written, the parts of the log
// that are mapped, and what the heaps of half a dozen threads keep. Of a budget below 36 MiB it is
// set at a half, which is less than it is.
constexpr std::size_t kFixedBytes = std::size_t{18} << 20;

std::size_t MemtableBytes(const EngineParts& parts) {
  return std::max(parts.memtable_bytes.load(std::memory_order_relaxed), kMemtableMemoryMin);
}

// What neither memtables nor the cache may have.
std::size_t SetAside(const Options& options) {
  return std::min(kFixedBytes, options.memory_budget_bytes / 2) +
         kMergesMax * MergeReadBytes(options);
}

// Reads need some cache to be of any use, however tight the budget.
std::size_t CacheMin(std::size_t budget) { return budget / 8; }

}  // namespace

std::size_t MemtablesMax(const EngineParts& parts) {
  const std::size_t budget = parts.options.memory_budget_bytes;
  const std::size_t share =
      std::min(budget / 4 * 3, budget - SetAside(parts.options) - CacheMin(budget));
  const std::size_t resident = std::min(parts.cache->resident_bytes(), share / 2);
  return std::max<std::size_t>(2, (share - resident) / MemtableBytes(parts));
}

std::size_t MergeReadBytes(const Options& options) {
  return options.memory_budget_bytes / kMergeShare;
}

std::size_t MergeFilterBytes(const Options& options) {
  return options.memory_budget_bytes / kMergeShare;
}

void SizeCache(EngineParts& parts, std::size_t memtables_to_come) {
  const std::size_t budget = parts.options.memory_budget_bytes;
  // The active memtable counts as full: it will be. What is kept for the next is part of that one.
  const std::size_t next =
      std::max(parts.chunks->surplus_bytes(), memtables_to_come * MemtableBytes(parts));
  const std::size_t taken =
      MemtableBytes(parts) + next + parts.frozen_memtables.Bytes() + SetAside(parts.options);
  parts.cache->SetCapacity(std::max(CacheMin(budget), budget - std::min(budget, taken)));
}

}  // namespace firn
