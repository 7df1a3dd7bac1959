// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_play.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"
#include "cli/text_table.h"

namespace firn::cli {
namespace {

using std::chrono::milliseconds;
using Deed = DemoStep::Deed;
using State = DemoCluster::State;

constexpr milliseconds kTurn{100};
constexpr milliseconds kStartTurn{20};
constexpr milliseconds kStartMax{60'000};    // For a node to serve.
constexpr milliseconds kReportEvery{1'000};  // Of the figures, where nothing is drawn.

std::string Describe(const DemoLoad::Tally& tally) {
  return "acknowledged " + std::to_string(tally.acknowledged) + ", lost " +
         std::to_string(tally.lost) + ", unavailable " + std::to_string(tally.unavailable.count()) +
         " ms (longest " + std::to_string(tally.longest.count()) + " ms)";
}

std::string Seconds(milliseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%7.1f s", static_cast<double>(duration.count()) / 1000);
  return text;
}

const char* PastOf(Deed deed) {
  switch (deed) {
    case Deed::kKill: return "killed";
    case Deed::kPause: return "paused";
    case Deed::kRestart: return "brought back";
    case Deed::kWait: break;
  }
  return "";
}

std::string RoleOf(State state, const std::optional<v1::GetStatusResponse>& status) {
  if (state != State::kRuns) {
    return state == State::kDead ? "dead" : "paused";
  }
  if (!status) {
    return "does not answer";
  }
  switch (status->role()) {
    case v1::ROLE_LEADER: return "leader";
    case v1::ROLE_CANDIDATE: return "candidate";
    case v1::ROLE_LEARNER: return "learner";
    default: return "follower";
  }
}

}  // namespace

milliseconds DemoPlay::Elapsed() const {
  return std::chrono::duration_cast<milliseconds>(clock_.Now() - started_);
}

Result<bool> DemoPlay::Run() {
  FIRN_TRY_ASSIGN(const bool have_started, StartNodes());
  if (!have_started) {
    return true;
  }
  FIRN_TRY_ASSIGN(const bool all_vote, BeginLoad());
  if (!all_vote) {
    return true;
  }
  started_ = clock_.Now();
  while (!IsOver()) {
    FIRN_TRY(Turn());
  }
  return Judge();
}

Result<bool> DemoPlay::StartNodes() {
  for (int node = 0; node < arguments_.nodes; ++node) {
    FIRN_TRY(cluster_.AddNode());
    FIRN_TRY_ASSIGN(const bool is_ready, AwaitLast());
    if (!is_ready) {
      return false;
    }
    terminal_.Say("node " + std::to_string(node + 1) + " serves at " + cluster_.address(node));
  }
  return true;
}

// Before that the loss of one node may be too much.
Result<bool> DemoPlay::AwaitVotes() {
  const std::chrono::nanoseconds deadline = clock_.Now() + kStartMax;
  while (!IsToldToStop()) {
    board_->Ask();
    const int leader = board_->Leader();
    const auto statuses = board_->Statuses();
    if (leader >= 0 && statuses[static_cast<std::size_t>(leader)]) {
      const auto& members = statuses[static_cast<std::size_t>(leader)]->members();
      if (std::count_if(members.begin(), members.end(), [](const v1::Member& member) {
            return !member.is_learner();
          }) == cluster_.size()) {
        return true;
      }
    }
    if (clock_.Now() > deadline) {
      return Error{ErrorCode::kIo, "not all nodes get their votes; see " + cluster_.LogPath(0)};
    }
    terminal_.Key(kStartTurn);
  }
  return false;
}

Result<bool> DemoPlay::AwaitLast() {
  const std::chrono::nanoseconds deadline = clock_.Now() + kStartMax;
  while (!IsToldToStop()) {
    FIRN_TRY_ASSIGN(const bool is_ready, cluster_.LastIsReady());
    if (is_ready) {
      return true;
    }
    if (clock_.Now() > deadline) {
      return Error{ErrorCode::kIo, "node " + std::to_string(cluster_.size()) +
                                       " does not serve in time; see " +
                                       cluster_.LogPath(cluster_.size() - 1)};
    }
    terminal_.Key(kStartTurn);
  }
  return false;
}

Result<bool> DemoPlay::BeginLoad() {
  std::vector<std::string> endpoints;
  std::string joined;
  for (int node = 0; node < cluster_.size(); ++node) {
    endpoints.push_back(cluster_.address(node));
    joined += (node == 0 ? "" : ",") + endpoints.back();
  }
  FIRN_TRY_ASSIGN(board_, DemoBoard::Make(endpoints));
  FIRN_TRY_ASSIGN(const bool all_vote, AwaitVotes());
  if (!all_vote) {
    return false;
  }
  FIRN_TRY_ASSIGN(load_, DemoLoad::Make(endpoints, arguments_.writers));
  terminal_.Say("from another terminal: firn status --endpoints " + joined);
  if (script_.empty() && terminal_.draws()) {
    terminal_.Say("press 1 to " + std::to_string(cluster_.size()) +
                  " to kill a node, p to pause the leader, r to bring all back, q to end");
  }
  load_->Start();
  return true;
}

Result<void> DemoPlay::Turn() {
  const char key = terminal_.Key(kTurn);
  cluster_.Reap();
  board_->Ask();
  FIRN_TRY(Obey(key));
  FIRN_TRY(FollowScript());
  Show();
  return {};
}

bool DemoPlay::IsOver() const {
  if (IsToldToStop() || quits_) {
    return true;
  }
  if (arguments_.seconds > 0) {
    return static_cast<double>(Elapsed().count()) >= arguments_.seconds * 1000;
  }
  return !script_.empty() && next_step_ == script_.size() && Elapsed() >= step_due_;
}

Result<void> DemoPlay::Obey(char key) {
  DemoStep step{.deed = Deed::kWait};
  if (key == 'q') {
    quits_ = true;
  } else if (key == 'p') {
    step = {.deed = Deed::kPause, .node = DemoStep::kLeader};
  } else if (key == 'r') {
    step = {.deed = Deed::kRestart, .node = DemoStep::kAll};
  } else if (key >= '1' && key < '1' + cluster_.size()) {
    step = {.deed = Deed::kKill, .node = key - '0'};
  }
  if (step.deed != Deed::kWait) {
    FIRN_TRY_ASSIGN(const bool was_done, Do(step));
    if (!was_done) {
      terminal_.Say("nobody leads at the moment");
    }
  }
  return {};
}

Result<void> DemoPlay::FollowScript() {
  while (next_step_ < script_.size() && Elapsed() >= step_due_) {
    const DemoStep& step = script_[next_step_];
    if (step.deed == Deed::kWait) {
      step_due_ = Elapsed() + step.duration;
    } else {
      FIRN_TRY_ASSIGN(const bool was_done, Do(step));
      if (!was_done) {
        return {};  // Next turn there may be such a node.
      }
    }
    ++next_step_;
  }
  return {};
}

// The node from 0; -1: none is.
int DemoPlay::Whom(int node) const {
  const int leader = board_->Leader();
  if (node == DemoStep::kLeader) {
    return leader >= 0 && cluster_.state(leader) == State::kRuns ? leader : -1;
  }
  if (node > 0) {
    return node - 1;
  }
  for (int follower = 0; leader >= 0 && follower < cluster_.size(); ++follower) {
    if (follower != leader && cluster_.state(follower) == State::kRuns) {
      return follower;
    }
  }
  return -1;
}

Result<bool> DemoPlay::Do(const DemoStep& step) {
  if (step.node == DemoStep::kAll) {
    for (int node = 0; node < cluster_.size(); ++node) {
      FIRN_TRY(DoTo(step, node));
    }
    return true;
  }
  const int node = Whom(step.node);
  if (node < 0) {
    return false;
  }
  FIRN_TRY(DoTo(step, node));
  return true;
}

Result<void> DemoPlay::DoTo(const DemoStep& step, int node) {
  const State before = cluster_.state(node);
  switch (step.deed) {
    case Deed::kKill: cluster_.Kill(node); break;
    case Deed::kPause: cluster_.Pause(node); break;
    case Deed::kRestart: FIRN_TRY(cluster_.Restart(node)); break;
    case Deed::kWait: break;
  }
  if (cluster_.state(node) != before) {
    const std::string role = node == board_->Leader() ? ", the leader, was " : " was ";
    terminal_.Say(Seconds(Elapsed()) + "  node " + std::to_string(node + 1) +
                  (step.deed == Deed::kRestart ? " was " : role) + PastOf(step.deed));
  }
  return {};
}

void DemoPlay::Show() {
  if (terminal_.draws()) {
    terminal_.Draw(Panel());
  } else if (Elapsed() - reported_ >= kReportEvery) {
    reported_ = Elapsed();
    terminal_.Say(Seconds(reported_) + "  " + Describe(load_->tally()));
  }
}

std::string DemoPlay::Panel() const {
  std::vector<TextRow> rows{{"NODE", "ADDRESS", "STATE", "TERM", "APPLIED"}};
  const std::vector<std::optional<v1::GetStatusResponse>> statuses = board_->Statuses();
  for (int node = 0; node < cluster_.size(); ++node) {
    const auto& status = statuses[static_cast<std::size_t>(node)];
    rows.push_back({std::to_string(node + 1), cluster_.address(node),
                    RoleOf(cluster_.state(node), status),
                    status ? std::to_string(status->term()) : "",
                    status ? std::to_string(status->applied_index()) : ""});
  }
  return "\n" + TextTable(rows) + "\n" + Seconds(Elapsed()) + "  " + Describe(load_->tally()) +
         "\n";
}

// Who is told to stop does not wait for nodes to come back.
Result<bool> DemoPlay::Judge() {
  load_->Stop();
  DemoLoad::Tally tally = load_->tally();
  if (!IsToldToStop()) {
    for (int node = 0; node < cluster_.size(); ++node) {
      FIRN_TRY(DoTo({.deed = Deed::kRestart}, node));
    }
    terminal_.Say("reading everything that was acknowledged");
    const client::Reply<std::uint64_t> missing = load_->CountMissing();
    if (!missing) {
      return Error{ErrorCode::kIo, "the cluster did not come back: " + missing.error().Describe()};
    }
    tally.lost = std::max(tally.lost, *missing);
  }
  terminal_.Say(Describe(tally) + ", " + std::to_string(tally.checked) + " read back on the way");
  return tally.lost == 0;
}

}  // namespace firn::cli
