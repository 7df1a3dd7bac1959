// SPDX-License-Identifier: Apache-2.0
//
// What the engine counts while it works. Counters of the read path are striped, so that a read
// writes no line that another thread writes; the rest are plain relaxed atomics.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/striped_counter.h"

namespace firn {

using Counter = std::atomic<std::uint64_t>;

inline void Add(Counter& counter, std::uint64_t amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

// For counters that one thread at a time adds to: no locked instruction.
inline void AddAlone(Counter& counter, std::uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

enum class ReadEvent { kGets, kGetsFound, kMemtableHits, kCount };
using ReadCounters = StripedCounters<ReadEvent>;

struct WriteCounters {
  Counter writes{0};
  Counter user_bytes{0};
  Counter delays{0};
  Counter delay_memtables_ns{0};
  Counter delay_level0_ns{0};
  Counter delay_debt_ns{0};
};

struct BackgroundCounters {
  Counter flushes{0};
  Counter flush_bytes_written{0};
  Counter compactions{0};
  Counter compaction_bytes_read{0};
  Counter compaction_bytes_written{0};
  Counter compaction_entries_dropped{0};
};

}  // namespace firn
