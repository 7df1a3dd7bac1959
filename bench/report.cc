// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cluster/process_figures.h"

namespace firn::bench {
namespace {

double MedianOf(std::vector<double>& values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

std::string Kernel() {
  utsname name{};
  ::uname(&name);
  return std::string(name.sysname) + " " + name.release;
}

}  // namespace

std::string RowKey::Section() const {
  return family + ", " + set + ", " + std::to_string(threads) +
         (threads == 1 ? " thread" : " threads");
}

bool RowKey::Holds(const Measured& one) const {
  return one.row.name == name && one.set == set && one.threads == threads && one.family == family;
}

std::string Report::Title(const RowKey& row) const {
  const std::size_t runs = RunsOf(row);
  return row.Section() + (runs == 1 ? ", one run" : ", " + std::to_string(runs) + " runs");
}

void Report::Add(Measured measured) {
  const RowKey key{.set = measured.set,
                   .threads = measured.threads,
                   .family = measured.family,
                   .name = measured.row.name,
                   .main_figure = measured.row.main_figure};
  if (std::ranges::find(rows_, key) == rows_.end()) {
    // Behind its section; rows that not every engine has come in late.
    const auto last = std::find_if(rows_.rbegin(), rows_.rend(),
                                   [&](const RowKey& row) { return row.SameSection(key); });
    rows_.insert(last == rows_.rend() ? rows_.end() : last.base(), key);
  }
  all_.push_back(std::move(measured));
}

void Report::NoteFailure(const std::string& what) {
  std::fprintf(stderr, "\nfirn bench: %s\n", what.c_str());
  if (std::ranges::find(failures_, what) == failures_.end()) {
    failures_.push_back(what);
  }
}

std::optional<Spread> Report::Of(const RowKey& row, std::string_view engine,
                                 std::string_view figure) const {
  std::vector<double> values;
  for (const Measured& one : all_) {
    if (one.engine == engine && row.Holds(one)) {
      if (const auto found = one.row.figures.find(std::string(figure));
          found != one.row.figures.end()) {
        values.push_back(found->second);
      }
    }
  }
  if (values.empty()) {
    return std::nullopt;
  }
  const auto [least, most] = std::ranges::minmax(values);
  return Spread{.median = MedianOf(values), .least = least, .most = most};
}

std::size_t Report::RunsOf(const RowKey& row) const {
  std::size_t most = 0;
  for (const std::string& engine : engines()) {
    const auto runs = std::ranges::count_if(
        all_, [&](const Measured& one) { return one.engine == engine && row.Holds(one); });
    most = std::max(most, static_cast<std::size_t>(runs));
  }
  return most;
}

std::optional<std::string> Report::BetterPeer(const RowKey& row) const {
  std::optional<std::string> better;
  double least = 0;
  for (const EngineKind& kind : EngineKinds()) {
    if (kind.name == "firn" || !kind.sets_the_bar) {
      continue;
    }
    const auto spread = Of(row, kind.name, row.main_figure);
    if (spread && (!better || spread->median < least)) {
      better = kind.name;
      least = spread->median;
    }
  }
  return better;
}

std::optional<double> Report::Ratio(const RowKey& row) const {
  const auto own = Of(row, "firn", row.main_figure);
  const auto peer = BetterPeer(row);
  if (!own || !peer || own->median <= 0) {
    return std::nullopt;
  }
  return Of(row, *peer, row.main_figure)->median / own->median;
}

Facts FactsOf(const Report& report) {
  const BenchOptions& options = report.options();
  Facts facts = {{"machine", MachineName()},
                 {"kernel", Kernel()},
                 {"file system", FileSystemOf(options.data)},
                 {"repeats", std::to_string(options.repeats) + ", engines in turn"},
                 {"seed", std::to_string(options.seed)},
                 {"reads in a row", std::to_string(options.reads)},
                 {"sustained row", Rounded(options.sustained_minutes) + " minutes"},
                 {"values", "half of their bytes repeat the other half"},
                 {"durability", "process (kill -9), and disk where a row syncs"}};
  if (!options.add.empty()) {
    facts.emplace_back("runs of before", Joined(options.add));
  }
  if (options.memory_limit_bytes > 0) {
    facts.emplace_back("memory limit", std::to_string(options.memory_limit_bytes >> 20) +
                                           " MiB, page cache included");
  }
  for (const EngineKind& kind : EngineKinds()) {
    if (std::ranges::find(options.engines, kind.name) != options.engines.end()) {
      facts.emplace_back(kind.name + " " + kind.version, Joined(kind.settings(options.engine)));
    }
  }
  if (const auto missing = MissingEngines(); !missing.empty()) {
    facts.emplace_back("not built in", Joined(missing));
  }
  for (const std::string& failure : report.failures()) {
    facts.emplace_back("failed", failure);
  }
  return facts;
}

std::string UnitOf(std::string_view figure) {
  if (figure == "us_per_op") {
    return "us/op";
  }
  if (figure == "max_us") {
    return "longest us";
  }
  if (figure == "open_ms") {
    return "ms";
  }
  if (figure == "over_raw_loop") {
    return "x";
  }
  return figure == "space_amplification" ? "space x" : std::string(figure);
}

std::string Rounded(double value) {
  const double size = std::abs(value);
  const int decimals = size >= 100 || size == 0 ? 0
                       : size >= 10             ? 1
                       : size >= 1              ? 2
                       : size >= 0.1            ? 3
                                                : 4;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace firn::bench
