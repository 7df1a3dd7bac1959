// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <gtest/gtest.h>

#include "svg_plot.h"

namespace firn::bench {
namespace {

class ReportTest : public testing::Test {
 protected:
  ReportTest() : report_(Options()) {}

  static BenchOptions Options() {
    BenchOptions options;
    options.engines = {"firn", "rocksdb", "leveldb", "lmdb"};
    options.data = "/";
    return options;
  }
  void Add(const std::string& engine, const std::string& row, double micros) {
    report_.Add({.set = "1000x16+100",
                 .family = "classic",
                 .engine = engine,
                 .row = {.name = row, .figures = {{"us_per_op", micros}, {"ops_per_second", 1}}}});
  }

  Report report_;
};

TEST_F(ReportTest, TakesTheMedianOfTheRepeats) {
  for (const double micros : {5.0, 1.0, 3.0, 100.0}) {
    Add("firn", "fillseq", micros);
  }
  const auto spread = report_.Of(report_.rows().at(0), "firn", "us_per_op");
  ASSERT_TRUE(spread);
  EXPECT_EQ(spread->median, 4);
  EXPECT_EQ(spread->least, 1);
  EXPECT_EQ(spread->most, 100);
}

TEST_F(ReportTest, ComparesWithTheBetterPeerThatSetsTheBar) {
  std::optional<std::string> last;
  for (const EngineKind& kind : EngineKinds()) {
    Add(kind.name, "readrandom", kind.name == "firn" ? 2 : kind.sets_the_bar ? 6 : 1);
    last = kind.sets_the_bar && kind.name != "firn" ? kind.name : last;
  }
  if (!last) {
    GTEST_SKIP() << "built without peers";
  }
  const RowKey row = report_.rows().at(0);
  EXPECT_NE(report_.BetterPeer(row), "lmdb");
  EXPECT_EQ(report_.Ratio(row), 3);
}

TEST_F(ReportTest, HasNoRatioWithoutPeers) {
  Add("firn", "readseq", 1);
  EXPECT_FALSE(report_.Ratio(report_.rows().at(0)));
  EXPECT_NE(TextReport(report_).find("readseq"), std::string::npos);
}

TEST_F(ReportTest, KeepsRowsOfASectionTogether) {
  Add("firn", "a", 1);
  report_.Add({.set = "9x16+1", .family = "classic", .engine = "firn", .row = {.name = "a"}});
  Add("leveldb", "b", 1);  // Comes late, and belongs to the first.
  ASSERT_EQ(report_.rows().size(), 3U);
  EXPECT_EQ(report_.rows()[1].name, "b");
}

TEST_F(ReportTest, EveryFormHasEveryRowAndFailure) {
  Add("firn", "one", 1);
  Add("leveldb", "two", 2);
  report_.NoteFailure("rocksdb fell over");
  for (const std::string& text : {TextReport(report_), MarkdownReport(report_), JsonReport(report_),
                                  HtmlReport(report_), BriefReport(report_)}) {
    EXPECT_NE(text.find("one"), std::string::npos);
    EXPECT_NE(text.find("two"), std::string::npos);
    EXPECT_NE(text.find("fell over"), std::string::npos);
  }
}

TEST(Rounded, KeepsThreeDigits) {
  EXPECT_EQ(Rounded(0), "0");
  EXPECT_EQ(Rounded(0.01234), "0.0123");
  EXPECT_EQ(Rounded(1.234), "1.23");
  EXPECT_EQ(Rounded(12.34), "12.3");
  EXPECT_EQ(Rounded(123456), "123456");
}

TEST(Plots, AreEmptyWithoutFigures) {
  EXPECT_EQ(Draw(BarPlot{.title = "t", .series = {"a"}, .groups = {{"g", {-1}}}}), "");
  EXPECT_EQ(Draw(LinePlot{.title = "t", .x_label = "x", .series = {{"a", {}}}}), "");
}

TEST(Plots, EscapeWhatTheyAreTold) {
  const std::string svg =
      Draw(BarPlot{.title = "a<b", .series = {"x&y"}, .groups = {{"<g>", {2}}}});
  EXPECT_NE(svg.find("a&lt;b"), std::string::npos);
  EXPECT_NE(svg.find("x&amp;y"), std::string::npos);
  EXPECT_EQ(svg.find("<g>"), std::string::npos);
}

TEST(Plots, DrawOnePointWithoutDividingByZero) {
  for (const Scale scale : {Scale::kLinear, Scale::kLogarithmic}) {
    const std::string svg = Draw(LinePlot{.title = "t",
                                          .x_label = "x",
                                          .x_scale = scale,
                                          .y_scale = scale,
                                          .series = {{"a", {{1, 1}}}}});
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

}  // namespace
}  // namespace firn::bench
