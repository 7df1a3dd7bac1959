// SPDX-License-Identifier: Apache-2.0
//
// Which segments count is found from the newest intact header backwards: each header names its
// predecessor and where that one ended when it was accepted. So a tail that an earlier recovery cut
// stays cut, and segments that it discarded are in no chain. The chain is then read forwards.
//
// Where a record is bad, the log may simply end: it was being written. It is damage to what had
// been promised if anything behind it, a record or a later header, says that the place was synced.
// A header's claim counts on its own, because its checksum is bound to the segment and the offset;
// the running checksum is broken there. Behind an end that is accepted nothing is ever read.
#include <algorithm>
#include <limits>
#include <map>

#include "base/propagate.h"
#include "storage/wal/log.h"
#include "storage/wal/log_format.h"
#include "storage/wal/segment_reader.h"

namespace firn {
namespace wal {
namespace {

constexpr std::uint64_t kEverything = std::numeric_limits<std::uint64_t>::max();

// Where and why reading cannot go on. `position` counts bytes since the log began.
struct Damage {
  WalNumber segment;
  std::uint64_t offset = 0;
  std::uint64_t position = 0;
  std::string reason;
};

std::string Hex(std::uint32_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) {
    text += kDigits[(value >> shift) & 0xF];
  }
  return text;
}

std::string At(WalNumber segment, std::uint64_t offset) {
  return "log " + WalFileName(segment) + " @" + std::to_string(offset);
}

class LogReplay {
 public:
  using Apply = std::function<Result<void>(const LogRecord&)>;

  LogReplay(FileSystem& files, const std::string& directory, LogContent content, const Apply& apply)
      : files_(files), directory_(directory), content_(content), apply_(apply) {}

  Result<ReplayReport> Run(WalNumber min_live);

 private:
  struct Segment {
    std::unique_ptr<SegmentReader> reader;
    std::optional<SegmentHeader> header;  // Nothing when it is damaged or was never written.
    std::string reason;                   // Then: why.
  };
  using Segments = std::map<WalNumber, Segment>;

  Result<void> OpenSegments(WalNumber min_live);
  // Finds the chain; segments it discards for good reason are forgotten.
  Result<void> LinkChain(WalNumber min_live);
  Result<bool> ExtendChain(WalNumber min_live);
  Result<void> ReadSegment(const Segment& segment, const Segment* next);
  // One record at `end_`; true when it was accepted.
  Result<bool> ReadRecord(const Segment& segment, std::uint64_t limit);
  Result<void> Accept(const Segment& segment, const RecordHeader& header, std::string_view payload);
  Result<void> CheckLength(const Segment& segment) const;

  // kCorruption when something after the damage says that it had been synced; else counts what is
  // cut. Looks into the damaged segment from `search_from` on, the chain after it, and segments
  // newer than the chain.
  Result<void> RuleOutLoss(const Damage& damage, std::uint64_t search_from);
  Result<void> RuleOutLossIn(const Segment& segment, const Damage& damage, std::uint64_t from);
  Result<void> RuleOutLossBehindChain();
  static Error Lost(const Damage& damage, const std::string& witness);

  FileSystem& files_;
  const std::string& directory_;
  const LogContent content_;
  const Apply& apply_;
  Segments segments_;
  std::vector<WalNumber> chain_;  // Ascending.
  std::optional<Damage> damage_;  // Set by ReadRecord when it does not accept.
  std::uint64_t search_from_ = 0;
  bool proved_synced_ = false;  // A record of the current segment said that the file was synced.
  LogEnd end_;
  ReplayReport report_;
};

Result<void> LogReplay::OpenSegments(WalNumber min_live) {
  FIRN_TRY_ASSIGN(const auto names, files_.List(directory_));
  for (const std::string& name : names) {
    if (const auto number = ParseWalFileName(name)) {
      report_.segments.push_back(*number);
    }
  }
  std::sort(report_.segments.begin(), report_.segments.end());
  for (const WalNumber number : report_.segments) {
    report_.largest_segment = std::max(report_.largest_segment, number);
    if (number < min_live) {
      continue;
    }
    Segment& segment = segments_[number];
    FIRN_TRY_ASSIGN(segment.reader, SegmentReader::Open(files_, directory_, number));
    FIRN_TRY_ASSIGN(const auto bytes, segment.reader->View(0, kSegmentHeaderBytes));
    auto header = DecodeSegmentHeader(bytes);
    if (header && header->number == number) {
      report_.durable_manifest = std::max(report_.durable_manifest, header->durable_manifest);
      segment.header = *std::move(header);
    } else if (header) {  // No crash does that: a segment's name is new, or its content zeros.
      return Error{ErrorCode::kCorruption, At(number, 0) + ": header is of segment " +
                                               std::to_string(header->number.value)};
    } else if (header.error().code == ErrorCode::kUnsupported) {
      return Error{ErrorCode::kUnsupported, At(number, 0) + ": " + header.error().context};
    } else {
      segment.reason = header.error().context;
    }
  }
  return {};
}

Result<void> LogReplay::LinkChain(WalNumber min_live) {
  bool linked = false;
  while (!linked) {
    FIRN_TRY_ASSIGN(linked, ExtendChain(min_live));
  }
  return {};
}

// Walks from the newest intact header back. Where a predecessor is missing or has no header, and
// nothing says that it was synced, it and all after it never counted: they are forgotten, and the
// walk starts again (false).
Result<bool> LogReplay::ExtendChain(WalNumber min_live) {
  chain_.clear();
  const auto newest = std::find_if(segments_.rbegin(), segments_.rend(),
                                   [](const auto& entry) { return entry.second.header; });
  if (newest == segments_.rend()) {
    return true;
  }
  chain_.push_back(newest->first);
  while (true) {
    const SegmentHeader& header = *segments_[chain_.front()].header;
    const LogEnd& predecessor = header.predecessor;
    if (predecessor.segment < min_live || predecessor.segment.value == 0) {
      return true;
    }
    if (predecessor.segment >= header.number || predecessor.position < predecessor.offset) {
      return Error{ErrorCode::kCorruption, At(header.number, 0) + ": impossible predecessor " +
                                               At(predecessor.segment, predecessor.offset)};
    }
    const auto found = segments_.find(predecessor.segment);
    if (found == segments_.end() || !found->second.header) {
      const Damage damage = {
          .segment = predecessor.segment,
          .offset = 0,
          .position = predecessor.position - predecessor.offset,
          .reason = found == segments_.end() ? "segment is missing" : found->second.reason};
      FIRN_TRY(RuleOutLoss(damage, kFirstRecord));
      segments_.erase(segments_.lower_bound(predecessor.segment), segments_.end());
      return false;
    }
    chain_.insert(chain_.begin(), predecessor.segment);
  }
}

Error LogReplay::Lost(const Damage& damage, const std::string& witness) {
  return {ErrorCode::kCorruption, At(damage.segment, damage.offset) + ": " + damage.reason +
                                      ", but it had been synced, says " + witness};
}

Result<void> LogReplay::RuleOutLoss(const Damage& damage, std::uint64_t search_from) {
  if (const auto damaged = segments_.find(damage.segment); damaged != segments_.end()) {
    FIRN_TRY(RuleOutLossIn(damaged->second, damage, search_from));
  }
  for (const WalNumber number : chain_) {
    if (number <= damage.segment) {
      continue;
    }
    const Segment& segment = segments_[number];
    const SegmentHeader& header = *segment.header;
    if (header.predecessor.position - std::min(header.unsynced, header.predecessor.position) >
        damage.position) {
      return Lost(damage, At(number, 0));
    }
    FIRN_TRY(RuleOutLossIn(segment, damage, kFirstRecord));
  }
  return {};
}

// A record's claim reaches back `unsynced` bytes from where it stands. Where its segment starts is
// known from the header, or from the damage when it is the damaged one. The damage may be the end
// itself: a claim about the bytes before it proves nothing.
Result<void> LogReplay::RuleOutLossIn(const Segment& segment, const Damage& damage,
                                      std::uint64_t from) {
  const WalNumber number = segment.reader->number();
  const std::uint64_t start =
      segment.header ? segment.header->predecessor.position : damage.position - damage.offset;
  std::optional<std::uint64_t> witness;
  FIRN_TRY_ASSIGN(
      const std::uint64_t last,
      segment.reader->Find({.from = from, .to = kEverything, .visit = [&](const auto& sighting) {
                              const std::uint64_t position = start + sighting.offset;
                              const std::uint64_t unsynced = sighting.header.unsynced;
                              if (unsynced != kUnsyncedUnknown && unsynced <= position &&
                                  position - unsynced > damage.position) {
                                witness = sighting.offset;
                              }
                              return witness.has_value();
                            }}));
  if (witness) {
    return Lost(damage, At(number, *witness));
  }
  const std::uint64_t counted_from =
      number == damage.segment ? std::max(damage.offset, kFirstRecord) : kFirstRecord;
  report_.bytes_cut += last > from ? last - counted_from : 0;
  return {};
}

// Segments after the chain have no intact header: made, and not yet or never written. A record in
// one that says the file was synced proves that the header was too.
Result<void> LogReplay::RuleOutLossBehindChain() {
  const auto behind = chain_.empty() ? segments_.begin() : segments_.upper_bound(chain_.back());
  for (auto entry = behind; entry != segments_.end(); ++entry) {
    FIRN_TRY(RuleOutLossIn(
        entry->second,
        {.segment = entry->first, .offset = 0, .position = 0, .reason = entry->second.reason},
        kFirstRecord));
  }
  return {};
}

Result<void> LogReplay::Accept(const Segment& segment, const RecordHeader& header,
                               std::string_view payload) {
  proved_synced_ = proved_synced_ || header.unsynced < end_.offset;
  if (header.kind == RecordKind::kMarker) {
    return {};
  }
  if (header.kind == static_cast<RecordKind>(content_)) {
    ++report_.records;
    return apply_({.place = {end_.segment, end_.offset, end_.running_crc},
                   .first = header.first,
                   .payload = payload});
  }
  const bool is_known = header.kind == RecordKind::kBatch || header.kind == RecordKind::kRaftEntry;
  return Error{ErrorCode::kUnsupported,
               At(segment.reader->number(), end_.offset) + ": record kind " +
                   std::to_string(static_cast<unsigned>(header.kind)) + " (" +
                   std::string(Name(header.kind)) + ") " +
                   (is_known ? "belongs in another log" : "needs a newer version")};
}

Result<bool> LogReplay::ReadRecord(const Segment& segment, std::uint64_t limit) {
  SegmentReader& reader = *segment.reader;
  const auto refuse = [&](std::string reason, std::uint64_t search_from) {
    damage_ = Damage{reader.number(), end_.offset, end_.position, std::move(reason)};
    search_from_ = search_from;
    return false;
  };
  FIRN_TRY_ASSIGN(const std::string_view bytes, reader.View(end_.offset, kRecordHeaderBytes));
  if (bytes.size() < kRecordHeaderBytes) {
    return refuse("file ends", reader.size());
  }
  if (!IsRecordHeader(bytes.data(), {reader.number(), end_.offset})) {
    return refuse("record header checksum does not match", end_.offset);
  }
  const RecordHeader header = LoadRecordHeader(bytes.data());
  const std::uint32_t fields_crc = RunningCrcOfFields(bytes.data(), end_.running_crc);
  const std::uint64_t record_bytes = RecordBytes(header.length);
  if (header.length > kPayloadBytesMax || end_.offset + record_bytes > limit) {
    return refuse("record of " + std::to_string(header.length) + " bytes does not fit",
                  end_.offset + kRecordHeaderBytes);
  }
  FIRN_TRY_ASSIGN(const std::string_view payload,
                  reader.View(end_.offset + kRecordHeaderBytes, header.length));
  const std::uint32_t running_crc = Crc32c(payload, fields_crc);
  if (running_crc != header.running_crc) {
    return refuse("record checksum " + Hex(running_crc) + " want " + Hex(header.running_crc),
                  end_.offset + record_bytes);
  }
  FIRN_TRY(Accept(segment, header, payload));
  end_.offset += record_bytes;
  end_.position += record_bytes;
  end_.running_crc = running_crc;
  return true;
}

// A segment that was synced once has its full length for ever.
Result<void> LogReplay::CheckLength(const Segment& segment) const {
  const SegmentReader& reader = *segment.reader;
  if (proved_synced_ && reader.size() < segment.header->capacity) {
    return Error{ErrorCode::kCorruption, At(reader.number(), reader.size()) +
                                             ": file ends, but had been synced with " +
                                             std::to_string(segment.header->capacity) + " bytes"};
  }
  return {};
}

Result<void> LogReplay::ReadSegment(const Segment& segment, const Segment* next) {
  const SegmentHeader& header = *segment.header;
  end_ = {.segment = header.number,
          .offset = kFirstRecord,
          .position = header.predecessor.position + kFirstRecord,
          .running_crc = header.crc};
  proved_synced_ = false;
  const std::uint64_t size = segment.reader->size();
  const std::uint64_t limit = next != nullptr ? next->header->predecessor.offset : size;
  bool accepted = true;
  while (accepted &&
         (next != nullptr ? end_.offset < limit : end_.offset + kRecordHeaderBytes <= size)) {
    FIRN_TRY_ASSIGN(accepted, ReadRecord(segment, next != nullptr ? limit : size));
  }
  FIRN_TRY(CheckLength(segment));
  if (!accepted) {
    return RuleOutLoss(*damage_, search_from_);
  }
  if (next != nullptr && end_ != next->header->predecessor) {
    return Error{ErrorCode::kCorruption, At(next->header->number, 0) + ": predecessor ends at " +
                                             At(header.number, end_.offset) + " with checksum " +
                                             Hex(end_.running_crc) + ", not at " +
                                             std::to_string(limit) + " with " +
                                             Hex(next->header->predecessor.running_crc)};
  }
  return {};
}

Result<ReplayReport> LogReplay::Run(WalNumber min_live) {
  // A live segment that never reached the disk must not be followed by one with a lower number.
  report_.largest_segment.value = min_live.value - std::min<std::uint64_t>(min_live.value, 1);
  FIRN_TRY(OpenSegments(min_live));
  FIRN_TRY(LinkChain(min_live));
  for (std::size_t i = 0; i < chain_.size() && !damage_; ++i) {
    const Segment* next = i + 1 < chain_.size() ? &segments_[chain_[i + 1]] : nullptr;
    FIRN_TRY(ReadSegment(segments_[chain_[i]], next));
  }
  FIRN_TRY(RuleOutLossBehindChain());
  report_.end = end_;
  return std::move(report_);
}

}  // namespace
}  // namespace wal

Result<ReplayReport> ReplayLog(FileSystem& files, const std::string& directory, ReplayRange range,
                               const std::function<Result<void>(const LogRecord&)>& apply) {
  return wal::LogReplay(files, directory, range.content, apply).Run(range.min_live);
}

Result<std::string> ReadLogRecord(FileSystem& files, const std::string& directory,
                                  const LogPlace& place) {
  using wal::kRecordHeaderBytes;
  const auto damaged = [&](const char* reason) {
    return Error{ErrorCode::kCorruption, wal::At(place.segment, place.offset) + ": " + reason};
  };
  FIRN_TRY_ASSIGN(const auto file,
                  files.OpenReadable(JoinPath(directory, WalFileName(place.segment))));
  char fields[kRecordHeaderBytes];
  FIRN_TRY_ASSIGN(const std::size_t count, file->Read(place.offset, fields));
  if (count < sizeof fields || !wal::IsRecordHeader(fields, {place.segment, place.offset})) {
    return damaged("record header checksum does not match");
  }
  const wal::RecordHeader header = wal::LoadRecordHeader(fields);
  std::string payload(std::min<std::uint64_t>(header.length, wal::kPayloadBytesMax), '\0');
  FIRN_TRY_ASSIGN(const std::size_t length, file->Read(place.offset + kRecordHeaderBytes, payload));
  if (length < payload.size() ||
      Crc32c(payload, wal::RunningCrcOfFields(fields, place.previous_crc)) != header.running_crc) {
    return damaged("record checksum does not match");
  }
  return payload;
}

}  // namespace firn
