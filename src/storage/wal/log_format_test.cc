// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_format.h"

#include <gtest/gtest.h>

#include <sstream>

#include "firn/write_batch.h"
#include "golden/golden.h"
#include "storage/wal/log_testing.h"

namespace firn::wal {
namespace {

struct Field {
  std::string_view name;
  std::size_t width;
};

std::string HexOf(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    text += kDigits[static_cast<std::uint8_t>(byte) & 15];
    text += ' ';
  }
  return text;
}

// One line for each field, by eight bytes: offset, bytes, name.
std::string Annotate(std::string_view bytes, std::uint64_t offset,
                     std::initializer_list<Field> fields) {
  std::ostringstream out;
  for (const Field& field : fields) {
    std::string_view name = field.name;
    for (std::size_t done = 0; done < field.width; done += 8) {
      std::string hex = HexOf(bytes.substr(0, std::min<std::size_t>(8, field.width - done)));
      hex.resize(name.empty() ? hex.size() - 1 : 26, ' ');
      out << offset << "  " << hex << name << '\n';
      const std::size_t step = std::min<std::size_t>(8, field.width - done);
      bytes.remove_prefix(step);
      offset += step;
      name = "";
    }
  }
  return out.str();
}

std::string DescribeSegment(std::string_view bytes) {
  return Annotate(bytes, 0,
                  {{"magic", 8},
                   {"version", 4},
                   {"crc", 4},
                   {"number", 8},
                   {"capacity", 8},
                   {"start", 8},
                   {"predecessor", 8},
                   {"its end", 8},
                   {"its running checksum", 4},
                   {"features", 4},
                   {"unsynced", 8},
                   {"manifest", 8},
                   {"edit", 8},
                   {"reserved", 8}});
}

std::string DescribeRecords(std::string_view file) {
  std::string text;
  std::uint64_t offset = kFirstRecord;
  while (LoadLittle<std::uint64_t>(file.data() + offset) != 0) {
    const RecordHeader header = LoadRecordHeader(file.data() + offset);
    const std::uint64_t padding = RecordBytes(header.length) - kRecordHeaderBytes - header.length;
    text += Annotate(file.substr(offset), offset,
                     {{"header_crc", 4},
                      {"running_crc", 4},
                      {"length", 4},
                      {"unsynced", 4},
                      {"first_sequence", 7},
                      {Name(header.kind), 1},
                      {"payload", header.length},
                      {"zeros", padding}});
    offset += RecordBytes(header.length);
  }
  return text;
}

// "put:apple=red", "delete:pear"
void AddOperation(WriteBatch& batch, const std::string& word) {
  const auto colon = word.find(':');
  const auto equals = word.find('=');
  if (word.starts_with("put:")) {
    batch.Put(word.substr(colon + 1, equals - colon - 1), word.substr(equals + 1));
  } else {
    batch.Delete(word.substr(colon + 1));
  }
}

void RunLine(Log& log, const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  if (word == "sync") {
    log.Sync().value();
  } else if (word == "marker") {
    log.MarkSynced().value();
  } else {
    std::uint64_t first = 0;
    words >> first;
    WriteBatch batch;
    while (words >> word) {
      AddOperation(batch, word);
    }
    AppendOne(log, first, batch.encoded()).value();
  }
}

std::string RunCommand(const golden::Command& command) {
  MemoryFileSystem files;
  files.CreateDirectory("/db").value();
  const WalNumber number{std::stoull(command.Get("number", command.Get("segment", "1")))};
  const ManifestPosition manifest{{std::stoull(command.Get("manifest"))},
                                  std::stoull(command.Get("edit"))};
  auto log = Log::Create({.files = files,
                          .directory = "/db",
                          .segment_bytes = std::stoull(command.Get("capacity", "8192")),
                          .way = WalAppend::kWrite,
                          .first_segment = number,
                          .predecessor = {},
                          .earlier_segments = {},
                          .durable_manifest = [manifest] { return manifest; }})
                 .value();
  for (const std::string& line : command.input) {
    RunLine(*log, line);
  }
  const std::string file = ReadWholeFile(files, "/db/" + WalFileName(number)).value();
  return command.name == "segment" ? DescribeSegment(file) : DescribeRecords(file);
}

TEST(LogFormat, IsWhatItsSpecificationShows) {
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/format/wal.md", RunCommand);
}

TEST(LogFormat, SegmentHeadersComeBackAndEveryFlipIsNoticed) {
  const SegmentHeader header = {
      .number = {7},
      .capacity = 1 << 20,
      .predecessor = {.segment = {6}, .offset = 5000, .position = 1 << 30, .running_crc = 0xABCD},
      .unsynced = 99,
      .durable_manifest = {{3}, 12}};
  const std::string bytes = EncodeSegmentHeader(header);
  const SegmentHeader back = DecodeSegmentHeader(bytes).value();
  EXPECT_EQ(back.number, header.number);
  EXPECT_EQ(back.capacity, header.capacity);
  EXPECT_EQ(back.predecessor, header.predecessor);
  EXPECT_EQ(back.unsynced, header.unsynced);
  EXPECT_EQ(back.durable_manifest, header.durable_manifest);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_EQ(DecodeSegmentHeader(flipped).error().code, ErrorCode::kCorruption) << bit;
  }
  EXPECT_FALSE(DecodeSegmentHeader(bytes.substr(0, 95)).has_value());
}

TEST(LogFormat, ARecordHeaderIsValidOnlyInItsPlace) {
  char bytes[kRecordHeaderBytes];
  StoreRecordFields(bytes, {.kind = RecordKind::kBatch,
                            .first = kSequenceMax,
                            .length = 5,
                            .unsynced = 6,
                            .running_crc = 0});
  SealRecordHeader(bytes, {{3}, 4096}, 0x12345678);
  EXPECT_TRUE(IsRecordHeader(bytes, {{3}, 4096}));
  EXPECT_FALSE(IsRecordHeader(bytes, {{4}, 4096}));
  EXPECT_FALSE(IsRecordHeader(bytes, {{3}, 4104}));
  const RecordHeader header = LoadRecordHeader(bytes);
  EXPECT_EQ(header.first, kSequenceMax);
  EXPECT_EQ(header.kind, RecordKind::kBatch);
  EXPECT_EQ(header.length, 5u);
  EXPECT_EQ(header.unsynced, 6u);
  EXPECT_EQ(header.running_crc, 0x12345678u);
}

TEST(LogFormat, ZerosAreNeverARecordHeader) {
  const char zeros[kRecordHeaderBytes] = {};
  for (std::uint64_t offset = 4096; offset < 1 << 20; offset += 8) {
    ASSERT_FALSE(IsRecordHeader(zeros, {{1}, offset}));
  }
}

}  // namespace
}  // namespace firn::wal
