// SPDX-License-Identifier: Apache-2.0
//
// The verbs about running a server: `firn serve` and `firn config show`. Both take the settings of
// server/config.h, each as a flag of its name.
#pragma once

#include <string>

#include "firn/result.h"
#include "server/config.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library chose its name.
class App;
}

namespace firn::cli {

// The exit code of what was run goes to `exit_code`, which outlives the parsing.
void AddServerVerbs(CLI::App& app, int& exit_code);

struct ServerArguments {
  std::string config_file;    // Empty: FIRN_CONFIG, or none.
  server::Assignments flags;  // Those that were given.
};

// Runs a node until a signal or a failure ends it.
int RunServe(const ServerArguments& arguments);
// Prints every setting with its value and where that came from.
int ShowConfig(const ServerArguments& arguments);

// With the environment of the process.
Result<server::LoadedConfig> LoadServerConfig(const ServerArguments& arguments);
// Says that the settings make no sense. Returns kUsage.
int FailUsage(const std::string& what, const Error& error);

}  // namespace firn::cli
