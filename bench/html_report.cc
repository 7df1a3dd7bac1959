// SPDX-License-Identifier: Apache-2.0
//
// One page without scripts or anything from elsewhere: what was run, plots, and every figure.
#include <algorithm>
#include <map>
#include <set>

#include "report.h"
#include "svg_plot.h"

namespace firn::bench {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>firn bench</title><style>
body{font:14px/1.4 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;font-size:12px;margin:.5em 0 2em}
td,th{padding:2px 7px;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
td:first-child,th:first-child,.facts td{text-align:left;white-space:normal}
.good{color:#17692a;font-weight:bold}.bad{color:#b2182b;font-weight:bold}
svg{width:100%;max-width:900px;display:block;margin:1em 0 2em;font:11px sans-serif}
.title{font-size:14px;font-weight:bold}.small{font-size:8px;fill:#555}
.label{text-anchor:end}.grid{stroke:#ddd}
</style></head><body><h1>firn bench</h1>
)";

constexpr const char* kFigures[] = {"p50_us",
                                    "p99_us",
                                    "p999_us",
                                    "max_us",
                                    "cpu_us_per_op",
                                    "write_amplification",
                                    "space_amplification",
                                    "rss_peak_mib",
                                    "device_reads_per_op",
                                    "read_bytes_per_op",
                                    "raw_sync_p50_us"};

std::string Cell(const std::string& text) { return "<td>" + Escaped(text) + "</td>"; }

std::string FactsTable(const Report& report) {
  std::string html = "<table class=\"facts\">\n";
  for (const auto& [name, value] : FactsOf(report)) {
    html += "<tr>" + Cell(name) + Cell(value) + "</tr>\n";
  }
  return html + "</table>\n";
}

std::string RatioCell(const std::optional<double>& ratio) {
  if (!ratio) {
    return "<td></td>";
  }
  return std::string("<td class=\"") + (*ratio >= 1 ? "good" : "bad") + "\">" + Rounded(*ratio) +
         "</td>";
}

// The figures of one engine in one row. The ratio stands in Firn's line.
std::string EngineLine(const Report& report, const RowKey& row, const std::string& engine) {
  const auto main = report.Of(row, engine, row.main_figure);
  if (!main) {
    return "";
  }
  const bool is_own = engine == "firn";
  std::string html = "<tr>" + Cell(row.name) + Cell(engine) + Cell(UnitOf(row.main_figure)) +
                     Cell(Rounded(main->median)) +
                     Cell(Rounded(main->least) + " to " + Rounded(main->most)) +
                     RatioCell(is_own ? report.Ratio(row) : std::nullopt);
  for (const char* figure : kFigures) {
    const auto spread = report.Of(row, engine, figure);
    html += Cell(spread ? Rounded(spread->median) : "");
  }
  return html + "</tr>\n";
}

std::string Tables(const Report& report) {
  std::string html;
  std::string section;
  for (const RowKey& row : report.rows()) {
    if (row.Section() != section) {
      html += section.empty() ? "" : "</table>\n";
      section = row.Section();
      html += "<h2>" + Escaped(report.Title(row)) +
              "</h2>\n<table><tr><th>row</th><th>engine</th><th>unit</th><th>median</th>"
              "<th>spread</th><th>ratio</th>";
      for (const char* figure : kFigures) {
        html += "<th>" + std::string(figure) + "</th>";
      }
      html += "</tr>\n";
    }
    for (const std::string& engine : report.engines()) {
      html += EngineLine(report, row, engine);
    }
  }
  return html + (section.empty() ? "" : "</table>\n");
}

// A figure of all rows of a section that have it, by engine.
std::string Bars(const Report& report, const std::string& section, const std::string& figure,
                 const std::pair<std::string, Scale>& how) {
  BarPlot plot{.title = how.first + ": " + section,
               .series = report.engines(),
               .groups = {},
               .scale = how.second};
  for (const RowKey& row : report.rows()) {
    if (row.Section() != section) {
      continue;
    }
    BarPlot::Group group{.label = row.name, .figures = {}};
    bool any = false;
    for (const std::string& engine : report.engines()) {
      const auto spread = report.Of(row, engine, figure);
      group.figures.push_back(spread ? spread->median : -1);
      any = any || spread;
    }
    if (any) {
      plot.groups.push_back(std::move(group));
    }
  }
  return Draw(plot);
}

// The longest latency of each second, of each engine's first run.
std::string Timelines(const Report& report) {
  std::map<std::string, LinePlot> plots;
  for (const Measured& one : report.all()) {
    if (one.row.timeline.empty() || one.repeat != 1) {
      continue;
    }
    const std::string where = one.row.name + ", " + one.set;
    LinePlot& plot = plots[where];
    plot.title = "Longest latency of each second, us: " + where;
    plot.x_label = "second";
    plot.y_scale = Scale::kLogarithmic;
    LinePlot::Series series{.name = one.engine, .points = {}};
    for (std::size_t i = 0; i < one.row.timeline.size(); ++i) {
      series.points.emplace_back(static_cast<double>(i), one.row.timeline[i].max_us);
    }
    plot.series.push_back(std::move(series));
  }
  std::string html;
  for (const auto& [where, plot] : plots) {
    html += Draw(plot);
  }
  return html;
}

double EntriesOf(const std::string& set) { return std::stod(set); }

// Where there are several sets that differ in size alone: each row over size.
std::string Growth(const Report& report) {
  std::map<std::string, std::set<std::string>> sizes;  // By what comes behind the size.
  for (const RowKey& row : report.rows()) {
    sizes[row.set.substr(row.set.find('x'))].insert(row.set);
  }
  std::string html;
  std::set<std::string> drawn;
  for (const RowKey& row : report.rows()) {
    const std::string form = row.set.substr(row.set.find('x'));
    const std::string what = row.name + ", " + row.family + ", " + form.substr(1) + " B, threads " +
                             std::to_string(row.threads);
    if (sizes[form].size() < 2 || !drawn.insert(what).second) {
      continue;
    }
    LinePlot plot{.title = "Growth, " + UnitOf(row.main_figure) + ": " + what,
                  .x_label = "entries",
                  .x_scale = Scale::kLogarithmic,
                  .series = {}};
    for (const std::string& engine : report.engines()) {
      LinePlot::Series series{.name = engine, .points = {}};
      for (const std::string& set : sizes[form]) {
        RowKey other = row;
        other.set = set;
        if (const auto spread = report.Of(other, engine, row.main_figure)) {
          series.points.emplace_back(EntriesOf(set), spread->median);
        }
      }
      std::ranges::sort(series.points);
      plot.series.push_back(std::move(series));
    }
    html += Draw(plot);
  }
  return html;
}

std::string Plots(const Report& report) {
  std::string html;
  std::set<std::string> drawn;
  for (const RowKey& row : report.rows()) {
    if (!drawn.insert(row.Section()).second) {
      continue;
    }
    html += Bars(report, row.Section(), "ops_per_second",
                 {"Throughput, operations per second, logarithmic", Scale::kLogarithmic});
    html +=
        Bars(report, row.Section(), "write_amplification", {"Write amplification", Scale::kLinear});
    html +=
        Bars(report, row.Section(), "space_amplification", {"Space amplification", Scale::kLinear});
  }
  return html + Timelines(report) + Growth(report);
}

}  // namespace

std::string HtmlReport(const Report& report) {
  return kHead + FactsTable(report) +
         "<p>The ratio is the better of RocksDB and LevelDB over Firn: above 1, Firn is better. "
         "Main figures and all others are medians of the repeats.</p>\n" +
         Plots(report) + Tables(report) + "</body></html>\n";
}

}  // namespace firn::bench
