// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the log share: records that can be told from each other, a log in a memory file
// system, and replay into a list.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "io/memory_file_system.h"
#include "storage/wal/log.h"

namespace firn {

struct ReplayedRecord {
  std::uint64_t first = 0;
  std::string payload;
  friend bool operator==(const ReplayedRecord&, const ReplayedRecord&) = default;
};

struct Replayed {
  std::vector<ReplayedRecord> records;
  ReplayReport report;
};

inline Result<Replayed> Replay(FileSystem& files, const std::string& directory,
                               WalNumber min_live = {1}) {
  Replayed replayed;
  auto report = ReplayLog(files, directory, {.min_live = min_live}, [&](const LogRecord& record) {
    replayed.records.push_back({record.first.value, std::string(record.payload)});
    return Result<void>();
  });
  if (!report) {
    return std::move(report).error();
  }
  replayed.report = *std::move(report);
  return replayed;
}

struct TestLogSetup {
  FileSystem& files;
  std::string directory = "/db";
  WalAppend way = WalAppend::kWrite;
  std::uint64_t segment_bytes = 16 << 10;
  LogContent content = LogContent::kBatches;
  const ReplayReport* after = nullptr;  // Null: the first log of a directory.
  std::function<void()> on_progress = nullptr;
};

inline Result<std::unique_ptr<Log>> MakeLog(const TestLogSetup& setup) {
  LogSetup full = {.files = setup.files,
                   .directory = setup.directory,
                   .content = setup.content,
                   .segment_bytes = setup.segment_bytes,
                   .way = setup.way,
                   .first_segment = {1},
                   .predecessor = {},
                   .earlier_segments = {},
                   .durable_manifest = [] { return ManifestPosition{{7}, 3}; },
                   .on_progress = setup.on_progress};
  if (setup.after != nullptr) {
    full.first_segment = setup.after->largest_segment.Next();
    full.predecessor = setup.after->end;
    full.earlier_segments = setup.after->segments;
  }
  return Log::Create(std::move(full));
}

inline Result<void> AppendOne(Log& log, std::uint64_t first, std::string_view payload) {
  const std::string_view parts[] = {payload};
  return log.Append({first}, parts);
}

// The payload of record `n`, of a length that differs from its neighbours'.
inline std::string PayloadOf(std::uint64_t n, std::size_t scale = 100) {
  std::string payload = "record " + std::to_string(n) + ":";
  payload.append((n * 37) % scale, static_cast<char>('a' + n % 26));
  return payload;
}

inline std::string Name(WalAppend way) { return way == WalAppend::kWrite ? "Write" : "Mapped"; }

}  // namespace firn
