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

// Where an accepted log ends: what the next segment records of its predecessor.
struct LogEnd {
  WalNumber segment;              // 0 when there is no predecessor.
  std::uint64_t offset = 0;       // Byte of that file after its last accepted record.
  std::uint64_t position = 0;     // The same counted over all segments since the log began.
  std::uint32_t running_crc = 0;  // Of the chain up to there.

  friend bool operator==(const LogEnd&, const LogEnd&) = default;
};

// The newest manifest edit known to be durable, so that a manifest that ends before it is known to
// be damaged.
struct ManifestPosition {
  ManifestNumber manifest;
  std::uint64_t edit = 0;  // Count of edits in it.

  friend auto operator<=>(const ManifestPosition&, const ManifestPosition&) = default;
};

// What the records of a log are. Replay refuses a log of the other content, by name.
enum class LogContent : std::uint8_t {
  kBatches = 1,      // Operations of the engine, by sequence.
  kRaftEntries = 3,  // Entries of a replicated log, by index; in `first`.
};

// Where a record stands and what leads to it: all that reading it alone takes.
struct LogPlace {
  WalNumber segment;
  std::uint64_t offset = 0;
  std::uint32_t previous_crc = 0;  // The running checksum before it.

  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};

struct LogRecord {
  LogPlace place;
  SequenceNumber first;
  std::string_view payload;
};

struct LogSetup {
  FileSystem& files;
  std::string directory;
  LogContent content = LogContent::kBatches;
  std::uint64_t segment_bytes = 0;
  WalAppend way = WalAppend::kAuto;
  WalNumber first_segment;  // Above every number ever used.
  LogEnd predecessor;
  std::vector<WalNumber> earlier_segments;  // ReplayReport::segments. The log will release them.
  std::function<ManifestPosition()> durable_manifest;  // Asked when a segment is made. Thread-safe.
  // Called by Append each time Prepare is worth a call; must not wait. May be empty.
  std::function<void()> on_progress = nullptr;
};

struct LogCounters {
  std::uint64_t appended_bytes = 0;  // Records with their headers.
  std::uint64_t syncs = 0;           // Times the device was asked, for any number of callers.
};

class Log {
 public:
  // Syncs what a killed process may have left of the earlier segments, then makes and syncs the
  // first of its own. kNoSpace, kIo.
  static Result<std::unique_ptr<Log>> Create(LogSetup setup);
  ~Log();

  // Appends one record whose payload is the concatenation of `parts`; it survives the process once
  // this returns. Goes on in a new segment when the current one is full; a record that fits none
  // gets one of its own size. After kNoSpace nothing was appended and a later call may succeed;
  // after kIo every later Append and Sync fails the same way. One thread at a time.
  Result<void> Append(SequenceNumber first, std::span<const std::string_view> parts);

  // Ends the current segment; the next record goes to the returned one. Like Append.
  Result<WalNumber> StartSegment();

  // Makes every Append that returned before the call survive power loss, in all segments. One sync
  // runs at a time and covers all who asked before it began; those who ask meanwhile share the
  // next. kIo is final.
  Result<void> Sync();

  // Records the synced position when everything is synced and no record says so yet: then damage to
  // the last synced records can be told from a torn tail. For an idle log and before closing; Sync
  // after it where the mark itself has to survive power loss. Like Append.
  Result<void> MarkSynced();

  // Segments below `min_live` are not needed: recycles one into the next segment to be, ready
  // before Append needs it, and deletes the rest. The edit that says so must be durable. Any
  // thread; concurrently with Append. After an error a later call tries again.
  Result<void> Release(WalNumber min_live);

  // Has memory, and the next segment, made ready before Append comes to them. Where that fails,
  // Append does it itself and says why. Any thread, one at a time, beside all of the others.
  // Blocks.
  void Prepare();

  WalNumber current_segment() const;  // Like Append.
  LogPlace last_place() const;        // Of the record appended last. Like Append.
  LogCounters counters() const;       // Any thread.

 private:
  class State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What Replay found.
struct ReplayReport {
  LogEnd end;                         // Where the next segment takes up.
  WalNumber largest_segment;          // Of files, replayed or not; min_live - 1 at least.
  std::vector<WalNumber> segments;    // All segment files present, ascending.
  ManifestPosition durable_manifest;  // The newest that any header names.
  std::uint64_t records = 0;
  std::uint64_t bytes_cut = 0;  // Torn tail: bytes after the end, up to the last that is not zero.
};

struct ReplayRange {
  WalNumber min_live;
  LogContent content = LogContent::kBatches;
};

// Gives every accepted record of segments >= min_live to `apply`, in order, and stops at its first
// error. kCorruption names the file and the offset of a damaged record or header that had been
// synced, or a missing segment that had been; kUnsupported names what a newer version wrote.
// Changes nothing on disk. Damage to the last synced bytes of all looks like a torn tail when no
// record or segment after them says that they were synced.
Result<ReplayReport> ReplayLog(FileSystem& files, const std::string& directory, ReplayRange range,
                               const std::function<Result<void>(const LogRecord&)>& apply);

// The payload of one record, read and checked again. kCorruption names the file and the offset.
Result<std::string> ReadLogRecord(FileSystem& files, const std::string& directory,
                                  const LogPlace& place);

// "000007.wal"
std::string WalFileName(WalNumber number);
// The number of such a name; nothing for any other name.
std::optional<WalNumber> ParseWalFileName(std::string_view name);

}  // namespace firn
