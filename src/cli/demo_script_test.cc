// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_script.h"

#include <gtest/gtest.h>

namespace firn::cli {
namespace {

using Deed = DemoStep::Deed;

TEST(DemoScript, ReadsItsSteps) {
  const std::vector<DemoStep> expected = {
      {.deed = Deed::kKill, .node = DemoStep::kLeader},
      {.deed = Deed::kWait, .duration = std::chrono::milliseconds(2500)},
      {.deed = Deed::kPause, .node = 3},
      {.deed = Deed::kRestart, .node = 3},
      {.deed = Deed::kKill, .node = DemoStep::kFollower},
      {.deed = Deed::kRestart, .node = DemoStep::kAll}};
  EXPECT_EQ(ParseDemoScript("kill leader; wait 2.5;pause 3 ;\n resume 3;kill follower;;restart;", 5)
                .value(),
            expected);
  EXPECT_TRUE(ParseDemoScript(" ; ", 5).value().empty());
}

TEST(DemoScript, NamesTheStepThatMakesNoSense) {
  for (const char* script :
       {"kil leader", "kill", "kill 0", "kill 6", "kill 1 2", "wait", "wait -1", "wait soon",
        "wait 1e9", "wait nan", "restart leader", "pause 1x"}) {
    const auto steps = ParseDemoScript(std::string("wait 1; ") + script, 5);
    ASSERT_FALSE(steps) << script;
    EXPECT_NE(steps.error().context.find(script), std::string::npos) << steps.error().context;
  }
}

}  // namespace
}  // namespace firn::cli
