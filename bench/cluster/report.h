// SPDX-License-Identifier: Apache-2.0
//
// Rows become a line while the bench runs, a table of medians at its end, and JSON. For one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "firn/result.h"
#include "options.h"
#include "row.h"

namespace firn::bench {

class Report {
 public:
  // Says it on standard error, too.
  void Add(Row row);
  void NoteVersion(const std::string& system, const std::string& version) {
    versions_[system] = version;
  }

  // Medians, and how far the repeats of a figure are apart.
  std::string Table() const;
  // kIo.
  Result<void> WriteJson(const std::string& path, const Options& options) const;

  bool empty() const { return rows_.empty(); }

 private:
  std::vector<double> Values(const std::string& system, const std::string& name,
                             const std::string& figure) const;
  double Median(const std::string& system, const std::string& name,
                const std::string& figure) const;
  std::vector<std::string> Line(const std::string& system, const std::string& name) const;
  std::vector<std::string> RatioLine(const std::string& name) const;
  std::string ErrorLines() const;

  std::vector<Row> rows_;
  std::vector<std::string> names_;  // In the order in which they came first.
  std::vector<std::string> systems_;
  std::map<std::string, std::string> versions_;
};

}  // namespace firn::bench
