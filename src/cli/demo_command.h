// SPDX-License-Identifier: Apache-2.0
//
// `firn demo`: a cluster on loopback to do harm to. See its --help.
#pragma once

#include <string>

#include "cli/commands.h"

namespace firn::cli {

struct DemoArguments {
  std::string directory;  // Kept; empty: a temporary one, removed at the end.
  int nodes = 5;
  int writers = 8;
  std::string script;  // Empty: key presses.
  double seconds = 0;  // 0: as long as the script takes, or until told to stop.
};

// Runs it. kFailed when a write was lost, or when it could not be run.
int RunDemo(const DemoArguments& arguments);

}  // namespace firn::cli
