// SPDX-License-Identifier: Apache-2.0
//
// Runs the worked example of docs/format/table.md: writes the table it lists and prints its bytes
// with what they mean.
#include "storage/table/table_format.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "golden/golden.h"
#include "storage/table/block.h"
#include "storage/table/table_index.h"
#include "storage/table/table_testing.h"

namespace firn {
namespace {

namespace layout = block_format;
using namespace table_testing;

// Prints a file field by field.
class Dump {
 public:
  explicit Dump(const std::string& file) : file_(file) {}

  void Field(std::size_t bytes, const std::string& meaning) {
    for (std::size_t done = 0; done < bytes; done += 16) {
      char text[16];
      std::snprintf(text, sizeof text, "%04zx ", at_ + done);
      std::string line = text;
      for (std::size_t i = done; i < std::min(bytes, done + 16); ++i) {
        std::snprintf(text, sizeof text, " %02x", static_cast<unsigned char>(file_[at_ + i]));
        line += text;
      }
      if (done == 0) {
        line.resize(std::max<std::size_t>(line.size(), 31), ' ');
        line += "  " + meaning;
      }
      out_ += line + "\n";
    }
    at_ += bytes;
  }
  void Title(const std::string& title) { out_ += title + "\n"; }
  void Block(std::size_t content_bytes);
  void Trailer() {
    Field(1, "codec: none");
    Field(8, "checksum");
  }
  template <typename Integer>
  Integer At(std::size_t offset) const {
    return LoadLittle<Integer>(file_.data() + offset);
  }
  std::size_t at() const { return at_; }
  const std::string& out() const { return out_; }

 private:
  const std::string& file_;
  std::size_t at_ = 0;
  std::string out_;
};

void Dump::Block(std::size_t content_bytes) {
  const std::size_t start = at_;
  auto byte = [&](std::size_t at) { return At<std::uint8_t>(start + at); };
  const std::size_t heads = byte(layout::kHeadWidthAt);
  const std::size_t stamps = byte(layout::kStampWidthAt);
  const std::size_t tail_ends = byte(layout::kTailEndWidthAt);
  const std::size_t value_ends = byte(layout::kValueEndWidthAt);
  const std::size_t n = At<std::uint32_t>(start + layout::kCountAt);
  const std::size_t prefix = At<std::uint32_t>(start + layout::kPrefixBytesAt);
  Field(4, "widths of heads, stamps, tail ends, value ends");
  Field(8, "entries, prefix bytes");
  Field(8, "bytes of each tail, of each value");
  Field(4, "flags, kind of all, kind bits of stamps, 0");
  Field(16, "smallest and largest sequence");
  Field(n * heads, "heads");
  if ((file_[start + layout::kFlagsAt] & layout::kShortHeads) != 0) {
    Field(n, "key bytes in each head");
  }
  Field(n * stamps, "stamps");
  const std::size_t tails_at = at_;
  Field(tail_ends == 0 ? 0 : (n + 1) * tail_ends, "tail ends");
  const std::size_t tails = tail_ends == 2   ? At<std::uint16_t>(tails_at + 2 * n)
                            : tail_ends == 4 ? At<std::uint32_t>(tails_at + 4 * n)
                                             : n * At<std::uint32_t>(start + layout::kTailStrideAt);
  Field(value_ends == 0 ? 0 : (n + 1) * value_ends, "value ends");
  Field(prefix, "prefix");
  Field(tails, "tails");
  Field(start + content_bytes - at_, "values");
}

OwnedEntry ParseEntry(const std::string& line) {
  std::istringstream words(line);
  OwnedEntry entry;
  std::string kind;
  char hash = 0;
  words >> entry.key >> hash >> entry.sequence >> kind >> entry.value;
  EXPECT_EQ(hash, '#') << line;
  entry.kind = kind == "delete" ? Kind::kDelete : Kind::kPut;
  return entry;
}

std::string DumpTable(const golden::Command& command) {
  Making making;
  const std::string id = command.Get("id");
  std::from_chars(id.data(), id.data() + id.size(), making.table_id, 16);
  Entries entries;
  for (const std::string& line : command.input) {
    entries.push_back(ParseEntry(line));
  }
  MemoryFileSystem files;
  const TableProperties about = WriteTable(files, entries, making);
  EXPECT_EQ(about.block_count, 1u) << "the example has one block";
  const std::string file = ReadFile(files, making.path);
  const std::size_t footer_at = file.size() - table_format::kFooterBytes;
  const auto footer =
      table_format::ParseFooter(std::string_view(file).substr(footer_at), footer_at).value();
  const auto properties_at = static_cast<std::size_t>(footer.properties.offset);
  const auto description =
      table_format::ParseDescription(
          std::string_view(file).substr(properties_at,
                                        footer_at - properties_at - table_format::kTrailerBytes))
          .value();

  Dump dump(file);
  dump.Title("block");
  dump.Block(description.filter.offset - table_format::kTrailerBytes);
  dump.Trailer();
  dump.Title("filter");
  dump.Field(description.filter.stored_bytes - table_format::kTrailerBytes, "one line");
  dump.Trailer();
  dump.Title("index");
  dump.Block(description.index.stored_bytes - table_format::kTrailerBytes);
  dump.Trailer();
  dump.Title("properties");
  while (dump.at() < footer_at - table_format::kTrailerBytes) {
    std::size_t bytes = 0;
    std::string tags = "tags";
    while (bytes < 10 && dump.at() + bytes < footer_at - table_format::kTrailerBytes) {
      tags += " " + std::to_string(dump.At<std::uint8_t>(dump.at() + bytes));
      bytes += 2 + std::size_t{dump.At<std::uint8_t>(dump.at() + bytes + 1)};
    }
    dump.Field(bytes, tags);
  }
  dump.Trailer();
  dump.Title("footer");
  dump.Field(8, "table id");
  dump.Field(8, "properties offset");
  dump.Field(8, "properties bytes, trailer included");
  dump.Field(4, "features");
  dump.Field(4, "format version");
  dump.Field(8, "checksum");
  dump.Field(8, "magic: frntable");
  EXPECT_EQ(dump.at(), file.size());
  return dump.out();
}

TEST(TableFormat, IsWhatItsSpecificationShows) {
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/format/table.md", [](const golden::Command& command) {
    EXPECT_EQ(command.name, "table") << command.place;
    return DumpTable(command);
  });
}

}  // namespace
}  // namespace firn
