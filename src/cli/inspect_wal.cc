// SPDX-License-Identifier: Apache-2.0
//
// Prints every record whose header is intact, also behind damage, and says where the chain of
// checksums breaks. What counts at recovery is for replay to decide: it knows the other segments.
#include <cstdio>

#include "base/printable.h"
#include "base/propagate.h"
#include "cli/commands.h"
#include "io/posix_file_system.h"
#include "storage/wal/operations.h"
#include "storage/wal/segment_reader.h"

namespace firn::cli {
namespace {

using Sighting = wal::SegmentReader::Sighting;

void PrintHeader(const wal::SegmentHeader& header) {
  std::printf("segment %llu of %llu bytes, from position %llu\n",
              static_cast<unsigned long long>(header.number.value),
              static_cast<unsigned long long>(header.capacity),
              static_cast<unsigned long long>(header.predecessor.position));
  if (header.predecessor.segment.value != 0) {
    std::printf("follows segment %llu, which ended at %llu\n",
                static_cast<unsigned long long>(header.predecessor.segment.value),
                static_cast<unsigned long long>(header.predecessor.offset));
  }
}

// "put user:1 (5 bytes)", the first operations of a batch.
std::string DescribeBatch(std::string_view payload) {
  constexpr int kShown = 3;
  std::string text;
  int count = 0;
  const Result<void> sound =
      VisitOperations(payload, [&](const BatchOperation& operation) -> Result<void> {
        if (++count <= kShown) {
          const bool is_put = operation.kind == Kind::kPut;
          text += is_put ? " put " : " delete ";
          text += Printable(operation.key, 32);
          text += is_put ? " (" + std::to_string(operation.value.size()) + " bytes)" : "";
        }
        return {};
      });
  if (count > kShown) {
    text += " and " + std::to_string(count - kShown) + " more";
  }
  return sound ? text : text + " then " + sound.error().Describe();
}

class SegmentPrinter {
 public:
  explicit SegmentPrinter(wal::SegmentReader& reader) : reader_(reader) {}

  // False when the chain of records breaks before the end of what was written.
  Result<bool> Run() {
    FIRN_TRY_ASSIGN(const std::string_view bytes, reader_.View(0, wal::kSegmentHeaderBytes));
    FIRN_TRY_ASSIGN(const wal::SegmentHeader header, wal::DecodeSegmentHeader(bytes));
    PrintHeader(header);
    running_crc_ = header.crc;
    FIRN_TRY(PrintChain());
    FIRN_TRY(PrintBehind());
    std::printf("%llu records up to %llu\n", static_cast<unsigned long long>(records_),
                static_cast<unsigned long long>(end_));
    return written_end_ <= end_;
  }

 private:
  // Records that follow one another, each proving the one before it.
  Result<void> PrintChain() {
    for (;;) {
      const wal::RecordPlace place{.segment = reader_.number(), .offset = end_};
      FIRN_TRY_ASSIGN(const std::string_view head, reader_.View(end_, wal::kRecordHeaderBytes));
      if (head.size() < wal::kRecordHeaderBytes || !wal::IsRecordHeader(head.data(), place)) {
        return {};
      }
      const wal::RecordHeader header = wal::LoadRecordHeader(head.data());
      FIRN_TRY_ASSIGN(const std::string_view record,
                      reader_.View(end_, wal::kRecordHeaderBytes + header.length));
      if (record.size() < wal::kRecordHeaderBytes + header.length) {
        return {};
      }
      const std::string_view payload = record.substr(wal::kRecordHeaderBytes);
      running_crc_ = Crc32c(payload, wal::RunningCrcOfFields(record.data(), running_crc_));
      if (running_crc_ != header.running_crc) {
        return {};
      }
      Print({.offset = end_, .header = header},
            header.kind == wal::RecordKind::kBatch ? DescribeBatch(payload) : "");
      ++records_;
      end_ += wal::RecordBytes(header.length);
    }
  }

  Result<void> PrintBehind() {
    FIRN_TRY_ASSIGN(
        written_end_,
        reader_.Find({.from = end_, .to = reader_.size(), .visit = [](const Sighting& sighting) {
                        Print(sighting, " behind the break");
                        return false;
                      }}));
    return {};
  }

  static void Print(const Sighting& sighting, const std::string& what) {
    std::printf("@%-10llu %-6s sequence %llu, %u bytes%s\n",
                static_cast<unsigned long long>(sighting.offset),
                std::string(wal::Name(sighting.header.kind)).c_str(),
                static_cast<unsigned long long>(sighting.header.first.value),
                sighting.header.length, what.c_str());
  }

  wal::SegmentReader& reader_;
  std::uint64_t end_ = wal::kFirstRecord;
  std::uint64_t written_end_ = 0;
  std::uint64_t records_ = 0;
  std::uint32_t running_crc_ = 0;
};

Result<void> Inspect(const std::string& path) {
  const FilePath split = SplitPath(path);
  const auto number = ParseWalFileName(split.name);
  if (!number) {
    return Error{ErrorCode::kInvalidArgument,
                 path + ": not a log segment's name, such as 000001.wal"};
  }
  FIRN_TRY_ASSIGN(const std::unique_ptr<wal::SegmentReader> reader,
                  wal::SegmentReader::Open(*PosixFileSystem(), split.directory, *number));
  FIRN_TRY_ASSIGN(const bool unbroken, SegmentPrinter(*reader).Run());
  if (!unbroken) {
    return Error{ErrorCode::kCorruption,
                 path + ": the chain breaks before the end, torn or being written"};
  }
  return {};
}

}  // namespace

int InspectWal(const std::string& path) {
  const Result<void> inspected = Inspect(path);
  return inspected ? kOk : Fail("inspect wal", inspected.error());
}

}  // namespace firn::cli
