// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/version_filter.h"

#include <gtest/gtest.h>

#include <sstream>

#include "golden/golden.h"

namespace firn {
namespace {

// filter readers=10,20 [below=k,…]
// key#sequence or key#sequence,DEL, one a line, in entry order
// gives the kept ones.
std::string Filter(const golden::Command& command) {
  std::vector<SequenceNumber> readers;
  std::istringstream list(command.Get("readers"));
  for (std::string number; std::getline(list, number, ',');) {
    readers.push_back({std::stoull(number)});
  }
  const std::string below = "," + command.Get("below") + ",";
  VersionFilter filter(readers);
  std::string kept;
  for (const std::string& line : command.input) {
    const auto hash = line.find('#');
    const std::string key = line.substr(0, hash);
    const bool is_delete = line.ends_with(",DEL");
    const Entry entry{.key = key,
                      .sequence = {std::stoull(line.substr(hash + 1))},
                      .kind = is_delete ? Kind::kDelete : Kind::kPut,
                      .value = {}};
    if (filter.Keep(entry, [&](std::string_view k) {
          return below.find("," + std::string(k) + ",") == std::string::npos;
        })) {
      kept += line + "\n";
    }
  }
  return kept.empty() ? "nothing" : kept;
}

TEST(VersionFilter, KeepsWhatSomeReaderNeeds) {
  golden::RunFile(FIRN_TEST_SOURCE_DIR "/testdata/version_filter.golden", Filter);
}

}  // namespace
}  // namespace firn
