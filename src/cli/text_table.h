// SPDX-License-Identifier: Apache-2.0
//
// Rows in columns for people: each column as wide as its widest cell, two blanks between, numbers
// to the right. The first row is the heading.
#pragma once

#include <string>
#include <vector>

namespace firn::cli {

using TextRow = std::vector<std::string>;

// All rows have as many cells as the first.
std::string TextTable(const std::vector<TextRow>& rows);

// "1.5 MiB"
std::string Bytes(unsigned long long bytes);

}  // namespace firn::cli
