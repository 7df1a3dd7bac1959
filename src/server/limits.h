// SPDX-License-Identifier: Apache-2.0
//
// What one request, one connection and all of them together may take. Each is checked before the
// memory or the work is spent; docs/protocol/grpc.md tells clients.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "firn/limits.h"

namespace firn::server {

struct Limits {
  std::size_t key_bytes_max = kKeyBytesMax;
  std::size_t value_bytes_max = std::size_t{16} << 20;
  std::size_t batch_operations_max = 10'000;
  std::size_t batch_bytes_max = std::size_t{16} << 20;
  std::size_t page_bytes_max = std::size_t{1} << 20;  // A larger entry is a page of its own.
  std::size_t metadata_bytes_max = std::size_t{8} << 10;
  std::size_t address_bytes_max = 255;
  int streams_max = 1'024;      // Calls under way on one connection.
  int connections_max = 1'000;  // Of clients.
  std::size_t scans_max = 256;  // Scans under way: pinned pages, and streams.
  std::size_t chores_max = 16;  // Flushes and compactions that wait for their turn.
  std::chrono::milliseconds scan_idle_max{60'000};  // Between two pages, or for taking one.
  std::chrono::milliseconds handshake_max{5'000};   // From a connection to its first request.

  // Of one message, so that each request that is within the limits above gets in.
  std::size_t MessageBytesMax() const {
    constexpr std::size_t kFraming = std::size_t{512} << 10;
    const std::size_t single = value_bytes_max + key_bytes_max;
    // A condition and an update carry a value each.
    return 2 * (single > batch_bytes_max ? single : batch_bytes_max) + kFraming;
  }
};

}  // namespace firn::server
