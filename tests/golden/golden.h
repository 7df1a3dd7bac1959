// SPDX-License-Identifier: Apache-2.0
//
// Golden tests: a text file of commands with the output they must give. A case is
//
//   command positional key=value …
//   input lines, if any
//   ----
//   expected output
//   (a blank line ends the case)
//
// Lines that start with '#' between cases are prose. Output that contains a blank line is fenced by
// a second "----" above it and one below. In a Markdown file only blocks fenced as ```golden count.
// With GOLDEN_REWRITE=1 in the environment the file is rewritten with what came: review the diff.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace firn::golden {

struct Command {
  std::string name;
  std::vector<std::string> words;            // Positional arguments.
  std::map<std::string, std::string> named;  // key=value arguments.
  std::vector<std::string> input;            // Lines below the command.
  std::string place;                         // "file:line", for messages.

  // The named argument, or `fallback`.
  std::string Get(const std::string& key, const std::string& fallback = "") const;
};

using Handler = std::function<std::string(const Command&)>;

// Runs every case of the file through `handler` and fails the current GoogleTest test for each
// output that differs. A file without cases fails too.
void RunFile(const std::string& path, const Handler& handler);

// Sixteen bytes a line, "0010 6b 65 79 …", the offset first: how formats are shown in documents.
std::string HexDump(std::string_view bytes);

}  // namespace firn::golden
