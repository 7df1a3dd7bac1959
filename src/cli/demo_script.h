// SPDX-License-Identifier: Apache-2.0
//
// What `firn demo` is told to do to its nodes, by key presses or by a script such as
// "kill leader; wait 3; restart".
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "firn/result.h"

namespace firn::cli {

struct DemoStep {
  enum class Deed : std::uint8_t { kKill, kPause, kRestart, kWait };
  // Which node, counted from 1, or one of these.
  static constexpr int kAll = 0;
  static constexpr int kLeader = -1;
  static constexpr int kFollower = -2;

  Deed deed = Deed::kWait;
  int node = kAll;
  std::chrono::milliseconds duration{0};  // Of kWait.

  friend bool operator==(const DemoStep&, const DemoStep&) = default;
};

// Steps with semicolons between: "kill WHOM", "pause WHOM", "restart [NODE]", "wait SECONDS"; whom
// is "leader", "follower" or a node's number. kInvalidArgument names the step.
Result<std::vector<DemoStep>> ParseDemoScript(std::string_view script, int nodes);

}  // namespace firn::cli
