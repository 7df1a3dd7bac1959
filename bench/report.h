// SPDX-License-Identifier: Apache-2.0
//
// What was measured, and what it says: for each row the median and spread of each engine, the
// better peer, and the ratio.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firn/result.h"
#include "meter.h"
#include "options.h"

namespace firn::bench {

struct Measured {
  std::string set;
  unsigned threads = 1;
  std::string family;
  std::string engine;
  int repeat = 1;
  Row row;
};

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

struct RowKey {
  std::string set;
  unsigned threads = 1;
  std::string family;
  std::string name;
  std::string main_figure;

  friend bool operator==(const RowKey&, const RowKey&) = default;
  bool SameSection(const RowKey& other) const {
    return set == other.set && threads == other.threads && family == other.family;
  }
  // "classic, 5000000x16+100, 2 threads"
  std::string Section() const;
  // Whether that was a run of this row.
  bool Holds(const Measured& one) const;
};

class Report {
 public:
  explicit Report(const BenchOptions& options) : options_(options) {}

  void Add(Measured measured);
  void NoteFailure(const std::string& what);

  const BenchOptions& options() const { return options_; }
  const std::vector<Measured>& all() const { return all_; }
  const std::vector<std::string>& failures() const { return failures_; }
  const std::vector<RowKey>& rows() const { return rows_; }  // In the order of the first run.
  const std::vector<std::string>& engines() const { return options_.engines; }

  // Without a value when that engine has no such figure in that row.
  std::optional<Spread> Of(const RowKey& row, std::string_view engine,
                           std::string_view figure) const;
  // How often the engine that ran it most often did.
  std::size_t RunsOf(const RowKey& row) const;
  // Of its section, with the number of runs.
  std::string Title(const RowKey& row) const;
  // Of the peers that set the bar, the one whose main figure is less.
  std::optional<std::string> BetterPeer(const RowKey& row) const;
  // Its main figure over Firn's: above 1, Firn is better.
  std::optional<double> Ratio(const RowKey& row) const;

 private:
  const BenchOptions options_;
  std::vector<Measured> all_;
  std::vector<RowKey> rows_;
  std::vector<std::string> failures_;
};

// Machine, kernel, versions, settings and options, by name.
using Facts = std::vector<std::pair<std::string, std::string>>;
Facts FactsOf(const Report& report);

// "us/op" for "us_per_op".
std::string UnitOf(std::string_view figure);
// With three significant digits, without an exponent.
std::string Rounded(double value);

// The forms.
std::string TextReport(const Report& report);      // A line for each row, all engines.
std::string BriefReport(const Report& report);     // Firn, the better peer, the ratio.
std::string MarkdownReport(const Report& report);  // For docs/performance.md.
std::string JsonReport(const Report& report);      // All runs and all medians.
std::string HtmlReport(const Report& report);      // Tables and plots, in one file.

// The runs in a JSON report, of the engines asked for. kIo; kCorruption when it is none;
// kInvalidArgument when other options, versions or another machine made it.
Result<std::vector<Measured>> ReadRuns(const std::string& path, const BenchOptions& options);

}  // namespace firn::bench
