// SPDX-License-Identifier: Apache-2.0
//
// The load of `firn demo` and its checker. Writers put keys that nobody has put before, each the
// next when the one before is acknowledged, and now and then read one of those that were: what is
// not there then, or at the end, was lost. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "client/client.h"

namespace firn::cli {

class DemoLoad {
 public:
  static constexpr std::chrono::milliseconds kGapMin{100};

  struct Tally {
    std::uint64_t acknowledged = 0;
    std::uint64_t unknown = 0;  // Writes of which nobody can tell.
    std::uint64_t checked = 0;  // Reads of acknowledged writes.
    std::uint64_t lost = 0;     // Those that found nothing, or another value.
    // Time without an acknowledgement, counted where it was longer than kGapMin.
    std::chrono::milliseconds unavailable{0};
    std::chrono::milliseconds longest{0};
    std::uint64_t gaps = 0;
  };

  static Result<std::unique_ptr<DemoLoad>> Make(std::vector<std::string> endpoints, int writers);
  // As Stop.
  ~DemoLoad();
  DemoLoad(const DemoLoad&) = delete;
  DemoLoad& operator=(const DemoLoad&) = delete;

  void Start();
  // Ends what is under way.
  void Stop();
  // With the gap of now, if there is one.
  Tally tally() const FIRN_EXCLUDES(mutex_);
  // After Stop: reads everything and returns how many acknowledged writes are missing. Blocks.
  client::Reply<std::uint64_t> CountMissing() FIRN_EXCLUDES(mutex_);

 private:
  struct Writer {
    std::uint64_t next = 1;
    std::vector<bool> acknowledged{false};  // By number.
  };

  DemoLoad(client::ClientOptions options, int writers);
  void Write(std::size_t writer) FIRN_EXCLUDES(mutex_);
  void Written(std::size_t writer, std::uint64_t number, bool is_acknowledged)
      FIRN_EXCLUDES(mutex_);
  void Check(std::size_t writer, std::uint64_t number) FIRN_EXCLUDES(mutex_);
  void NoteAcknowledgement() FIRN_REQUIRES(mutex_);

  const client::ClientOptions options_;
  const MonotonicClock clock_;
  std::unique_ptr<client::Client> client_;  // Made once, before anything runs.
  mutable Mutex mutex_;
  Random random_ FIRN_GUARDED_BY(mutex_);
  std::vector<Writer> writers_ FIRN_GUARDED_BY(mutex_);
  Tally tally_ FIRN_GUARDED_BY(mutex_);
  bool is_over_ FIRN_GUARDED_BY(mutex_) = false;
  std::chrono::nanoseconds last_acknowledgement_ FIRN_GUARDED_BY(mutex_){0};
};

}  // namespace firn::cli
