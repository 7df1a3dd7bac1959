// SPDX-License-Identifier: Apache-2.0
//
// The load: so many requests in flight, spread over so many connections, from few threads that each
// own a completion queue, their connections and their figures, so that no lock is taken between two
// requests. Closed loop: an answer is followed by the next request. Open loop: requests fall due at
// a rate, by the millisecond, and latency counts from when a request was due, so that a system
// that stalls is charged for those it kept waiting.
//
// An answer other than OK counts as an error by its status, not as an operation. One Load runs
// once. Its methods are for one thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "histogram.h"
#include "key_chooser.h"
#include "wire.h"

namespace firn::bench {

enum class Operation : std::uint8_t { kPut, kGet, kBatch, kMixed };  // Mixed: half puts, half gets.

struct LoadPlan {
  Operation operation = Operation::kPut;
  Distribution distribution = Distribution::kUniform;
  std::uint64_t keys = 100'000;
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 100;
  std::size_t batch = 100;  // Puts of one batch; at most as many as there are keys.
  std::size_t in_flight = 64;
  std::size_t connections = 8;
  std::size_t threads = 1;
  double rate = 0;  // Requests a second; 0: closed loop.
  // Each key once, in order, and no further: the load that fills a store. With batches.
  bool fills = false;
  std::chrono::milliseconds timeout{10'000};
  // Requests wait for their connection, instead of failing when it is down.
  bool awaits_connection = false;
  std::uint64_t seed = 1;
};

struct LoadFigures {
  Histogram latencies;                          // Of operations.
  std::map<std::string, std::uint64_t> errors;  // By name of the status.
  std::uint64_t missing = 0;                    // Gets that found nothing.
};

class Load {
 public:
  // The wire outlives the load. Connections are spread over the addresses in turn.
  Load(const LoadPlan& plan, const Wire& wire, const std::vector<std::string>& addresses);
  // As Stop.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Waits until all connections stand. False: they do not within that time.
  bool Connect(std::chrono::milliseconds patience);
  void Start();
  // What is answered from now on counts.
  void BeginCounting() { counts_.store(true, std::memory_order_relaxed); }
  void EndCounting() { counts_.store(false, std::memory_order_relaxed); }
  // Operations that were counted so far.
  std::uint64_t counted() const { return counted_.load(std::memory_order_relaxed); }
  // Whether a load that fills has nothing left to do.
  bool is_done() const { return running_.load(std::memory_order_acquire) == 0; }

  // The answers to requests sent after this moment; the first of them that is a success is noted.
  void Mark();
  // How long after Mark it came.
  std::optional<std::chrono::nanoseconds> FirstSuccessAfterMark() const;

  // Cancels what is in flight and ends the threads.
  void Stop();
  // After Stop.
  LoadFigures figures() const;

 private:
  class Driver;
  static constexpr std::int64_t kNever = INT64_MAX;

  void NoteSuccess(std::int64_t sent_ns, std::int64_t now_ns);

  const LoadPlan plan_;
  const Wire& wire_;
  const std::string value_;
  std::atomic<bool> stops_{false};
  std::atomic<bool> counts_{false};
  std::atomic<std::uint64_t> counted_{0};
  std::atomic<std::uint64_t> next_fill_{0};
  std::atomic<std::size_t> running_{0};
  std::atomic<std::int64_t> mark_ns_{kNever};
  std::atomic<std::int64_t> success_ns_{0};  // 0: none after the mark.
  std::vector<std::unique_ptr<Driver>> drivers_;
  std::vector<std::jthread> threads_;
};

}  // namespace firn::bench
