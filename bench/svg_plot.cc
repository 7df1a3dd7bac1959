// SPDX-License-Identifier: Apache-2.0
#include "svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "report.h"

namespace firn::bench {
namespace {

constexpr std::array kColours = {"#2166ac", "#d6604d", "#e6ab02", "#66a61e", "#7570b3", "#999999"};
constexpr double kWidth = 900;
constexpr double kLabelWidth = 230;
constexpr double kRight = 60;
constexpr double kTop = 50;
constexpr double kBarHeight = 9;
constexpr double kGroupGap = 8;
constexpr double kLineHeight = 300;
constexpr double kLineLeft = 70;
constexpr int kTicks = 5;

const char* Colour(std::size_t series) { return kColours[series % kColours.size()]; }

std::string N(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string Mark(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string Text(double x, double y, const std::string& more, const std::string& text) {
  return "<text x=\"" + N(x) + "\" y=\"" + N(y) + "\" " + more + ">" + Escaped(text) + "</text>\n";
}

// A figure's place on a stretch of the drawing, and round figures to mark there.
class Axis {
 public:
  Axis(Scale scale, double least, double most) : scale_(scale) {
    low_ = scale == Scale::kLinear ? std::min(least, 0.0) : std::floor(std::log10(least));
    high_ = scale == Scale::kLinear ? most : std::ceil(std::log10(most));
    if (high_ <= low_) {
      high_ = low_ + 1;
    }
  }
  // 0 at the low end, 1 at the high.
  double Part(double value) const {
    const double place = scale_ == Scale::kLinear ? value : std::log10(std::max(value, 1e-12));
    return std::clamp((place - low_) / (high_ - low_), 0.0, 1.0);
  }
  std::vector<double> Marks() const {
    std::vector<double> marks;
    if (scale_ == Scale::kLogarithmic) {
      const double step = std::ceil((high_ - low_) / 8);
      for (double exponent = low_; exponent <= high_; exponent += step) {
        marks.push_back(std::pow(10, exponent));
      }
      return marks;
    }
    double step = std::pow(10, std::floor(std::log10((high_ - low_) / kTicks)));
    while ((high_ - low_) / step > 2 * kTicks) {
      step *= 2;
    }
    for (double mark = std::ceil(low_ / step) * step; mark <= high_; mark += step) {
      marks.push_back(mark);
    }
    return marks;
  }

 private:
  const Scale scale_;
  double low_ = 0;
  double high_ = 1;
};

std::string Begin(const std::string& title, double height) {
  return "<svg viewBox=\"0 0 " + N(kWidth) + " " + N(height) + "\" role=\"img\">\n" +
         Text(0, 16, "class=\"title\"", title);
}

std::string Legend(const std::vector<std::string>& names) {
  std::string svg;
  double x = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    svg += "<rect x=\"" + N(x) + "\" y=\"26\" width=\"10\" height=\"10\" fill=\"" + Colour(i) +
           "\"/>\n" + Text(x + 14, 35, "", names[i]);
    x += 30 + 7 * static_cast<double>(names[i].size());
  }
  return svg;
}

std::string Bar(const BarPlot& plot, const BarPlot::Group& group, std::size_t series,
                std::pair<double, double> place) {
  const auto [y, width] = place;
  return "<rect x=\"" + N(kLabelWidth) + "\" y=\"" + N(y) + "\" width=\"" + N(width) +
         "\" height=\"" + N(kBarHeight - 1) + "\" fill=\"" + Colour(series) + "\"><title>" +
         Escaped(group.label + ", " + plot.series[series] + ": " + Rounded(group.figures[series])) +
         "</title></rect>\n" +
         Text(kLabelWidth + width + 4, y + kBarHeight - 1, "class=\"small\"",
              Rounded(group.figures[series]));
}

}  // namespace

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char byte : text) {
    switch (byte) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      default: escaped += byte;
    }
  }
  return escaped;
}

std::string Draw(const BarPlot& plot) {
  double least = std::numeric_limits<double>::max();
  double most = 0;
  for (const BarPlot::Group& group : plot.groups) {
    for (const double figure : group.figures) {
      if (figure > 0) {
        least = std::min(least, figure);
        most = std::max(most, figure);
      }
    }
  }
  if (most <= 0) {
    return "";
  }
  const Axis axis(plot.scale, least, most);
  const double group_height = kBarHeight * static_cast<double>(plot.series.size()) + kGroupGap;
  const double height = kTop + group_height * static_cast<double>(plot.groups.size());
  std::string svg = Begin(plot.title, height) + Legend(plot.series);
  double y = kTop;
  for (const BarPlot::Group& group : plot.groups) {
    svg += Text(kLabelWidth - 8, y + (group_height - kGroupGap) / 2 + 4, "class=\"label\"",
                group.label);
    for (std::size_t i = 0; i < plot.series.size(); ++i) {
      if (group.figures[i] > 0) {
        const double width = axis.Part(group.figures[i]) * (kWidth - kLabelWidth - kRight);
        svg += Bar(plot, group, i, {y + kBarHeight * static_cast<double>(i), width});
      }
    }
    y += group_height;
  }
  return svg + "</svg>\n";
}

std::string Draw(const LinePlot& plot) {
  constexpr double kMax = std::numeric_limits<double>::max();
  std::pair<double, double> low = {kMax, kMax};
  std::pair<double, double> high = {0, 0};
  std::vector<std::string> names;
  for (const LinePlot::Series& series : plot.series) {
    names.push_back(series.name);
    for (const auto& [x, y] : series.points) {
      low = {std::min(low.first, x), y > 0 ? std::min(low.second, y) : low.second};
      high = {std::max(high.first, x), std::max(high.second, y)};
    }
  }
  if (high.second <= 0 || low.first == kMax) {
    return "";
  }
  const Axis across(plot.x_scale, low.first, high.first);
  const Axis up(plot.y_scale, low.second, high.second);
  auto x_of = [&](double x) { return kLineLeft + across.Part(x) * (kWidth - kLineLeft - 20); };
  auto y_of = [&](double y) { return kTop + (1 - up.Part(y)) * kLineHeight; };
  std::string svg = Begin(plot.title, kTop + kLineHeight + 45) + Legend(names);
  for (const double mark : up.Marks()) {
    svg += "<line x1=\"" + N(kLineLeft) + "\" x2=\"" + N(kWidth - 20) + "\" y1=\"" + N(y_of(mark)) +
           "\" y2=\"" + N(y_of(mark)) + "\" class=\"grid\"/>\n" +
           Text(kLineLeft - 6, y_of(mark) + 4, "class=\"label\"", Mark(mark));
  }
  for (const double mark : across.Marks()) {
    svg += Text(x_of(mark), kTop + kLineHeight + 18, "text-anchor=\"middle\"", Mark(mark));
  }
  svg += Text(kWidth / 2, kTop + kLineHeight + 38, "text-anchor=\"middle\"", plot.x_label);
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    std::string path;
    for (const auto& [x, y] : plot.series[i].points) {
      path += N(x_of(x)) + "," + N(y_of(y)) + " ";
    }
    svg += "<polyline points=\"" + path + "\" fill=\"none\" stroke=\"" + Colour(i) +
           "\" stroke-width=\"1.5\"><title>" + Escaped(plot.series[i].name) +
           "</title></polyline>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace firn::bench
