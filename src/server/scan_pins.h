// SPDX-License-Identifier: Apache-2.0
//
// The states of the store that scans under way are reading, one for each scan, so that all its
// pages show one moment. A pin keeps old versions of keys from being compacted away, therefore
// their number and the time between two pages are bounded: above the number the one that was
// longest unused goes, and a scan that lost its pin is told to begin anew. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "firn/database.h"
#include "storage/engine/engine.h"

namespace firn::server {

// The engine of the snapshot: after a state snapshot was installed the node has another.
struct PinnedState {
  std::shared_ptr<const Engine> engine;
  Snapshot snapshot;
};

class ScanPins {
 public:
  struct Bounds {
    std::size_t count_max = 0;
    std::chrono::nanoseconds idle_max{0};
  };

  // `clock` outlives the pins.
  ScanPins(const Clock& clock, const Bounds& bounds) : clock_(clock), bounds_(bounds) {}

  // Never 0.
  std::uint64_t Add(const PinnedState& state) FIRN_EXCLUDES(mutex_);
  // Nothing when the pin is gone. Else it is as good as new.
  std::optional<PinnedState> Use(std::uint64_t pin) FIRN_EXCLUDES(mutex_);
  // The last page was read. The pin stays a moment, for an answer that is lost and asked for again.
  void Finish(std::uint64_t pin) FIRN_EXCLUDES(mutex_);
  // Drops those that were idle for too long; to be called now and then.
  void Sweep() FIRN_EXCLUDES(mutex_);
  void Clear() FIRN_EXCLUDES(mutex_);

  std::size_t size() const FIRN_EXCLUDES(mutex_);

 private:
  struct Pin {
    PinnedState state;
    std::chrono::nanoseconds due{0};  // When it goes, unless it is used.
  };

  const Clock& clock_;
  const Bounds bounds_;
  mutable Mutex mutex_;
  std::uint64_t last_pin_ FIRN_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Pin> pins_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn::server
