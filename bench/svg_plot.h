// SPDX-License-Identifier: Apache-2.0
//
// Plots as SVG text, to stand inside an HTML page: bars by group, and lines over a number. Each has
// its legend and axis; a mark says its figure when the mouse rests on it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace firn::bench {

enum class Scale : bool { kLinear, kLogarithmic };

// Groups one below the other, in each a bar for every series; a negative figure is none.
struct BarPlot {
  std::string title;
  std::vector<std::string> series;
  struct Group {
    std::string label;
    std::vector<double> figures;  // One for each series.
  };
  std::vector<Group> groups;
  Scale scale = Scale::kLinear;
};

struct LinePlot {
  std::string title;
  std::string x_label;
  Scale x_scale = Scale::kLinear;
  Scale y_scale = Scale::kLinear;
  struct Series {
    std::string name;
    std::vector<std::pair<double, double>> points;
  };
  std::vector<Series> series;
};

// Empty when there is nothing to show.
std::string Draw(const BarPlot& plot);
std::string Draw(const LinePlot& plot);

// With &, < and > as HTML writes them.
std::string Escaped(const std::string& text);

}  // namespace firn::bench
