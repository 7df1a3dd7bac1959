// SPDX-License-Identifier: Apache-2.0
//
// The tables: for a terminal, aligned; for a document, in Markdown. Both are made of the same
// cells.
#include <algorithm>
#include <span>

#include "report.h"

namespace firn::bench {
namespace {

using Cells = std::vector<std::string>;

// Beside the main figure: Firn's, and behind the stroke the better peer's.
struct SideFigure {
  const char* heading;
  const char* figure;
};
constexpr SideFigure kSideFigures[] = {
    {"p99 us", "p99_us"},
    {"p99.9 us", "p999_us"},
    {"max us", "max_us"},
    {"cpu us/op", "cpu_us_per_op"},
    {"write x", "write_amplification"},
    {"space x", "space_amplification"},
    {"RSS MiB", "rss_peak_mib"},
    {"disk reads/op", "device_reads_per_op"},
};

// The last says something only where the data do not fit into memory.
std::span<const SideFigure> SideFigures(const Report& report) {
  const std::span all(kSideFigures);
  return report.options().is_larger_than_memory ? all : all.first(all.size() - 1);
}

std::string Pair(const Report& report, const RowKey& row, const char* figure) {
  const auto peer = report.BetterPeer(row);
  const auto own = report.Of(row, "firn", figure);
  const auto other = peer ? report.Of(row, *peer, figure) : std::nullopt;
  if (!own && !other) {
    return "";
  }
  return (own ? Rounded(own->median) : "-") + "/" + (other ? Rounded(other->median) : "-");
}

std::string WithSpread(const std::optional<Spread>& spread, bool has_repeats) {
  if (!spread) {
    return "-";
  }
  std::string text = Rounded(spread->median);
  if (has_repeats) {
    text += " (" + Rounded(spread->least) + "-" + Rounded(spread->most) + ")";
  }
  return text;
}

Cells Heading(const Report& report) {
  Cells cells = {"row", "unit"};
  cells.insert(cells.end(), report.engines().begin(), report.engines().end());
  cells.insert(cells.end(), {"better peer", "ratio"});
  for (const SideFigure& side : SideFigures(report)) {
    cells.emplace_back(side.heading);
  }
  return cells;
}

Cells Line(const Report& report, const RowKey& row) {
  Cells cells = {row.name, UnitOf(row.main_figure)};
  for (const std::string& engine : report.engines()) {
    cells.push_back(WithSpread(report.Of(row, engine, row.main_figure), report.RunsOf(row) > 1));
  }
  const auto ratio = report.Ratio(row);
  cells.push_back(report.BetterPeer(row).value_or("-"));
  cells.push_back(ratio ? Rounded(*ratio) : "-");
  for (const SideFigure& side : SideFigures(report)) {
    cells.push_back(row.main_figure == side.figure ? "" : Pair(report, row, side.figure));
  }
  return cells;
}

// A block of lines for each family, set and number of threads.
struct Section {
  std::string title;
  std::vector<Cells> lines;
};

std::vector<Section> SectionsOf(const Report& report, const Cells& heading,
                                Cells (*line)(const Report& report, const RowKey& row)) {
  std::vector<Section> sections;
  const RowKey* last = nullptr;
  for (const RowKey& row : report.rows()) {
    if (last == nullptr || !last->SameSection(row)) {
      sections.push_back({.title = report.Title(row), .lines = {heading}});
    }
    sections.back().lines.push_back(line(report, row));
    last = &row;
  }
  return sections;
}

Cells BriefLine(const Report& report, const RowKey& row) {
  const auto own = report.Of(row, "firn", row.main_figure);
  const auto peer = report.BetterPeer(row);
  const auto ratio = report.Ratio(row);
  return {row.name,
          UnitOf(row.main_figure),
          own ? Rounded(own->median) : "-",
          peer ? Rounded(report.Of(row, *peer, row.main_figure)->median) : "-",
          peer.value_or("-"),
          ratio ? Rounded(*ratio) : "-"};
}

// The first column to the left, the others to the right.
std::string Aligned(const std::vector<Cells>& lines) {
  std::vector<std::size_t> widths;
  for (const Cells& cells : lines) {
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths[i] = std::max(widths[i], cells[i].size());
    }
  }
  std::string text;
  for (const Cells& cells : lines) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string blanks(widths[i] - cells[i].size(), ' ');
      text += i == 0 ? cells[i] + blanks : "  " + blanks + cells[i];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string FactLines(const Report& report, const std::string& prefix) {
  std::string text;
  for (const auto& [name, value] : FactsOf(report)) {
    text.append(prefix).append(name).append(": ").append(value).append("\n");
  }
  return text;
}

std::string MarkdownLine(const Cells& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) {
    text += " " + cell + " |";
  }
  return text + "\n";
}

}  // namespace

std::string TextReport(const Report& report) {
  std::string text = FactLines(report, "");
  for (const Section& section : SectionsOf(report, Heading(report), Line)) {
    text += "\n" + section.title + "\n" + Aligned(section.lines);
  }
  return text +
         "\nratio: the better peer over firn, above 1 firn is better; figures behind it are " +
         "firn's/the better peer's\n";
}

std::string BriefReport(const Report& report) {
  std::string text = FactLines(report, "");
  const Cells heading = {"row", "unit", "firn", "better peer", "", "ratio"};
  for (const Section& section : SectionsOf(report, heading, BriefLine)) {
    text += "\n" + section.title + "\n" + Aligned(section.lines);
  }
  return text;
}

std::string MarkdownReport(const Report& report) {
  std::string text = FactLines(report, "- ");
  for (const Section& section : SectionsOf(report, Heading(report), Line)) {
    text += "\n**" + section.title + "**\n\n" + MarkdownLine(section.lines.front());
    const std::size_t columns = section.lines.front().size();
    text += "|---|---|";
    for (std::size_t i = 2; i < columns; ++i) {
      text += "--:|";
    }
    text += "\n";
    for (auto line = section.lines.begin() + 1; line != section.lines.end(); ++line) {
      text += MarkdownLine(*line);
    }
  }
  return text;
}

}  // namespace firn::bench
