// SPDX-License-Identifier: Apache-2.0
#include "node/line_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"

namespace firn::node {
namespace {

// "1:first", "2!" for one that was too long.
std::string Describe(const LineSplitter::Line& line) {
  return std::to_string(line.number) + (line.too_long ? "!" : ":" + std::string(line.text));
}

class Feed {
 public:
  explicit Feed(std::size_t line_bytes_max) : lines_(line_bytes_max) {}

  // Gives the bytes in pieces of at most `piece`.
  void Give(std::string_view bytes, std::size_t piece = LineSplitter::kChunkBytes) {
    while (!bytes.empty()) {
      const std::size_t length = std::min(piece, bytes.size());
      bytes.copy(lines_.Room().data(), length);
      lines_.Take(length);
      bytes.remove_prefix(length);
      while (const auto line = lines_.Next()) {
        seen_.push_back(Describe(*line));
      }
    }
  }
  std::vector<std::string> Finish() {
    if (const auto line = lines_.Last()) {
      seen_.push_back(Describe(*line));
    }
    return seen_;
  }

 private:
  LineSplitter lines_;
  std::vector<std::string> seen_;
};

TEST(LineSplitter, CutsAtNewlinesWhereverThePiecesEnd) {
  const std::string text = "one\n\ntwo\r\n\r\n three \nlast";
  const std::vector<std::string> want = {"1:one", "2:", "3:two", "4:", "5: three ", "6:last"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    Feed feed(100);
    feed.Give(text, piece);
    EXPECT_EQ(feed.Finish(), want) << piece;
  }
}

TEST(LineSplitter, MakesNoLineOfAnEndThatHasNone) {
  EXPECT_TRUE(Feed(10).Finish().empty());
  Feed feed(10);
  feed.Give("a\n");
  EXPECT_EQ(feed.Finish(), std::vector<std::string>{"1:a"});
}

TEST(LineSplitter, SkipsALineThatIsTooLongAndGoesOnBehindIt) {
  for (std::size_t piece : {1u, 7u, 1000u}) {
    Feed feed(10);
    feed.Give("0123456789\n0123456789x\nshort\n" + std::string(500, 'y') + "\nb", piece);
    EXPECT_EQ(feed.Finish(),
              (std::vector<std::string>{"1:0123456789", "2!", "3:short", "4!", "5:b"}))
        << piece;
  }
  Feed feed(10);
  feed.Give(std::string(500, 'z'), 3);
  EXPECT_EQ(feed.Finish(), std::vector<std::string>{"1!"});
}

TEST(LineSplitter, HoldsLinesOfAnyLengthInAnyPieces) {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    std::string text;
    std::vector<std::string> want;
    for (std::uint64_t number = 1; number <= 50; ++number) {
      const std::size_t length = random.OneIn(5) ? random.Below(300'000) : random.Below(100);
      const std::string line(length, static_cast<char>('a' + number % 26));
      text += line + "\n";
      want.push_back(std::to_string(number) + ":" + line);
    }
    Feed feed(1 << 20);
    feed.Give(text, 1 + random.Below(LineSplitter::kChunkBytes));
    EXPECT_EQ(feed.Finish(), want);
  }
}

}  // namespace
}  // namespace firn::node
