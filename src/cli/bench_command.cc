// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "cli/child_process.h"
#include "cli/commands.h"

namespace firn::cli {
namespace {

Result<void> Become(const std::string& program, const std::vector<std::string>& arguments) {
  std::string name = "firn bench";
  std::vector<std::string> copies = arguments;  // execv takes pointers to bytes it may change.
  std::vector<char*> pointers{name.data()};
  for (std::string& argument : copies) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  ::execv(program.c_str(), pointers.data());
  return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
               program + ": " + std::generic_category().message(errno) +
                   " (the release preset builds it: ./dev build release)"};
}

}  // namespace

int RunBench(const std::vector<std::string>& arguments) {
  Result<std::string> own = OwnProgram();
  if (!own) {
    return Fail("bench", own.error());
  }
  const std::string directory = SplitPath(*own).directory;
  if (!arguments.empty() && arguments.front() == "cluster") {
    return Fail("bench",
                Become(directory + "/firn-bench-cluster", {arguments.begin() + 1, arguments.end()})
                    .error());
  }
  return Fail("bench", Become(directory + "/firn-bench", arguments).error());
}

}  // namespace firn::cli
