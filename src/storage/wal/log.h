// SPDX-License-Identifier: Apache-2.0
//
// The write-ahead log: a chain of preallocated segments of framed records (docs/format/wal.md). One
// thread appends; syncing may go on in others at the same time. Replay reads the chain back, cuts a
// torn tail, and reports damage to what had been synced.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"
#include "firn/options.h"
#include "firn/result.h"
#include "io/file_system.h"

namespace firn {

// Where an accepted log ends: what the first segment after a recovery records of its predecessor.
struct LogEnd {
  WalNumber segment;             // 0 when there is no predecessor.
  std::uint64_t offset = 0;      // Byte after the last accepted record.
  std::uint32_t running_crc = 0;  // Of the chain up to there.
};

// The newest manifest edit known to be durable, so that a manifest that ends before it is known to
// be damaged.
struct ManifestPosition {
  ManifestNumber manifest;
  std::uint64_t edit = 0;  // Count of edits in it.

  friend auto operator<=>(const ManifestPosition&, const ManifestPosition&) = default;
};

struct LogSetup {
  FileSystem& files;
  std::string directory;
  std::uint64_t segment_bytes = 0;
  WalAppend way = WalAppend::kAuto;
  WalNumber first_segment;  // Above every number ever used.
  LogEnd predecessor;
  std::function<ManifestPosition()> durable_manifest;  // Asked when a segment is made. Thread-safe.
};

struct LogCounters {
  std::uint64_t appended_bytes = 0;
  std::uint64_t syncs = 0;
};

class Log {
 public:
  // Makes and syncs the first segment. kNoSpace, kIo.
  static Result<std::unique_ptr<Log>> Create(LogSetup setup);
  ~Log();

  // Appends one record whose payload is the concatenation of `parts`; it survives the process once
  // this returns. Goes on in a new segment when the current one is full; a record that fits none
  // gets one of its own size. After kNoSpace nothing was appended and a later call may succeed;
  // after kIo every later Append and Sync fails the same way. One thread at a time.
  Result<void> Append(SequenceNumber first, std::span<const std::string_view> parts);

  // Ends the current segment; the next record goes to the returned one. Like Append.
  Result<WalNumber> StartSegment();

  // Makes every Append that returned before the call survive power loss, in all segments. Calls
  // from several threads share the work. kIo is final.
  Result<void> Sync();

  // Records the synced position when everything is synced and no record says so yet: then damage to
  // the last synced records can be told from a torn tail. For an idle log and before closing. Like
  // Append.
  Result<void> MarkSynced();

  // Segments below `min_live` are not needed: recycles one or two, deletes the rest. The edit that
  // says so must be durable. Any thread; concurrently with Append.
  Result<void> Release(WalNumber min_live);

  WalNumber current_segment() const;  // Like Append.
  LogCounters counters() const;       // Any thread.

 private:
  explicit Log(LogSetup setup);
  class State;
  std::unique_ptr<State> state_;
};

// What Replay found.
struct ReplayReport {
  LogEnd end;                        // Where the next segment takes up.
  WalNumber largest_segment;         // Number of any segment file present, replayed or not; 0: none.
  std::vector<WalNumber> segments;   // All segment files present, ascending.
  ManifestPosition durable_manifest;  // The newest that any header names.
  std::uint64_t records = 0;
  std::uint64_t bytes_cut = 0;  // Torn tail: bytes after the end that looked like records.
};

// Gives every accepted record of segments >= min_live to `apply`, in order, and stops at its first
// error. kCorruption names the file and the offset of a damaged record that had been synced, of a
// missing segment, or of a bad header. Changes nothing on disk.
Result<ReplayReport> ReplayLog(
    FileSystem& files, const std::string& directory, WalNumber min_live,
    const std::function<Result<void>(SequenceNumber first, std::string_view payload)>& apply);

// "000007.wal"
std::string WalFileName(WalNumber number);
// The number of such a name; nothing for any other name.
std::optional<WalNumber> ParseWalFileName(std::string_view name);

}  // namespace firn
