// SPDX-License-Identifier: Apache-2.0
//
// The course of `firn demo`: nodes are started and loaded, harm is done to them as keys or a script
// say, and at the end all come back and everything that was acknowledged is looked for. For one
// thread; load, checks and questions run on those of the clients.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/demo_board.h"
#include "cli/demo_cluster.h"
#include "cli/demo_command.h"
#include "cli/demo_load.h"
#include "cli/demo_script.h"
#include "cli/demo_terminal.h"

namespace firn::cli {

class DemoPlay {
 public:
  // On a cluster without nodes.
  DemoPlay(const DemoArguments& arguments, std::vector<DemoStep> script, DemoCluster& cluster)
      : arguments_(arguments), script_(std::move(script)), cluster_(cluster) {}

  // Blocks until it is over. True: nothing was lost. An Error: it could not go on.
  Result<bool> Run();

 private:
  std::chrono::milliseconds Elapsed() const;
  // False, of each of these: told to stop meanwhile.
  Result<bool> StartNodes();
  Result<bool> AwaitLast();
  Result<bool> AwaitVotes();
  Result<bool> BeginLoad();
  Result<void> Turn();
  bool IsOver() const;
  Result<void> Obey(char key);
  Result<void> FollowScript();
  // False: at present there is no such node.
  Result<bool> Do(const DemoStep& step);
  Result<void> DoTo(const DemoStep& step, int node);
  int Whom(int node) const;
  void Show();
  std::string Panel() const;
  Result<bool> Judge();

  const DemoArguments arguments_;
  const std::vector<DemoStep> script_;
  DemoCluster& cluster_;
  const MonotonicClock clock_;
  DemoTerminal terminal_;
  std::unique_ptr<DemoBoard> board_;
  std::unique_ptr<DemoLoad> load_;
  std::chrono::nanoseconds started_{0};
  std::size_t next_step_ = 0;
  std::chrono::milliseconds step_due_{0};
  std::chrono::milliseconds reported_{0};
  bool quits_ = false;
};

}  // namespace firn::cli
