// SPDX-License-Identifier: Apache-2.0
#include "cli/text_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>

namespace firn::cli {
namespace {

// In characters, as far as UTF-8 tells: one for each byte that does not continue another.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// An empty cell goes with numbers.
bool IsNumber(const std::string& text) {
  return text.find_first_not_of("0123456789.") == std::string::npos;
}

struct Column {
  std::size_t width = 0;
  bool is_numeric = true;
};

}  // namespace

std::string TextTable(const std::vector<TextRow>& rows) {
  std::vector<Column> columns(rows.empty() ? 0 : rows.front().size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].width = std::max(columns[i].width, Width(rows[row][i]));
      columns[i].is_numeric &= row == 0 || IsNumber(rows[row][i]);
    }
  }
  std::string text;
  for (const TextRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string gap(columns[i].width - Width(row[i]), ' ');
      line += columns[i].is_numeric ? gap + row[i] : row[i] + gap;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Bytes(unsigned long long bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", amount, kUnits[unit]);
  return text;
}

}  // namespace firn::cli
