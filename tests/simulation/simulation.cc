// SPDX-License-Identifier: Apache-2.0
#include "simulation/simulation.h"

#include <algorithm>
#include <memory>
#include <set>

#include "base/hash.h"
#include "simulation/client.h"

namespace firn::simulation {
namespace {

constexpr std::uint64_t kFirstNodes = 3;
constexpr std::size_t kVotersMax = 5;
constexpr int kClients = 8;
constexpr int kCalmSteps = 600;                // With clients at work.
constexpr int kAwaySteps = 150;                // Of those, without one of the nodes.
constexpr int kRestStepsMax = 3'000;           // Until all is quiet.
constexpr std::uint64_t kCalmInstallsMax = 3;  // Of one node.

class World {
 public:
  explicit World(const SimulationSetup& setup)
      : setup_(setup),
        random_(setup.seed * 2 + 1),
        cluster_({.nodes = kFirstNodes,
                  .seed = setup.seed,
                  .log_bytes_kept = 1 << 10,
                  .defect = setup.defect,
                  .violation = [this](const std::string& text) { Violation(text); }}) {
    cluster_.on_error = [this](TestReplica& node, const Error& error) { OnError(node, error); };
    seen_.on_acknowledged = [this](const Outcome& outcome) { CheckMajority(outcome); };
    for (int i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<SimulatedClient>(cluster_, seen_, random_.Next()));
    }
  }

  SimulationReport Run() {
    for (int step = 0; step < setup_.steps && !IsOver(); ++step) {
      if (step % 100 == 0) {
        ChangeWeather();
      }
      MaybeCrash();
      MaybeSpoilDisk();
      MaybeHoldInstallation();
      MaybeChangeMembership();
      Restart(false);
      StepAll(false);
    }
    Calm();
    if (!IsOver()) {
      CheckHistories();
    }
    return TakeReport();
  }

 private:
  bool IsOver() const { return !report_.violations.empty() || !seen_.violations.empty(); }
  void Violation(const std::string& text) { seen_.violations.push_back(text); }

  void StepAll(bool is_ending) {
    NoteMembership();
    MaybeFlush();
    for (const auto& client : clients_) {
      client->Step(is_ending);
    }
    cluster_.Step();
    Retire();
  }

  // Otherwise tables would be made so seldom that no log is trimmed.
  void MaybeFlush() {
    TestReplica& node = cluster_.node(1 + random_.Below(cluster_.size()));
    if (random_.OneIn(15) && node.is_up()) {
      static_cast<void>(node.machine().engine().Flush());
    }
  }

  void NoteMembership() {
    if (TestReplica* leader = cluster_.Leader()) {
      const Membership& now = leader->machine().state().membership;
      if (now != membership_) {
        membership_ = now;
        changed_at_ = cluster_.now();
      }
    }
  }

  // --- Misfortunes.

  void ChangeWeather() {
    cluster_.weather = {.loss = static_cast<unsigned>(random_.Below(25)),
                        .duplication = static_cast<unsigned>(random_.Below(50)),
                        .delay_max = 1 + random_.Below(random_.OneIn(6) ? 300 : 5),
                        .disk_idle = static_cast<unsigned>(random_.Below(90))};
    cluster_.isolated.clear();
    cluster_.cut.clear();
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      cluster_.node(id).disk_idle = random_.OneIn(4) ? 97 : 0;
      cluster_.node(id).disk_is_stuck = random_.OneIn(12);
    }
    if (random_.Below(8) < calmness_) {
      return;
    }
    const NodeId one{1 + random_.Below(cluster_.size())};
    const NodeId other{1 + random_.Below(cluster_.size())};
    switch (random_.Below(4)) {
      case 0: cluster_.isolated.push_back(one); break;
      case 1: cluster_.cut.insert({one, other}); break;
      case 2:  // A partition.
        for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
          if (random_.OneIn(2)) {
            cluster_.cut.insert({one, {id}});
            cluster_.cut.insert({{id}, one});
          }
        }
        break;
      default: break;
    }
  }

  void MaybeCrash() {
    if (!random_.OneIn(120 * calmness_)) {
      return;
    }
    TestReplica& node = cluster_.node(1 + random_.Below(cluster_.size()));
    if (node.is_up()) {
      Crash(node, random_.OneIn(3));
    }
  }

  void Crash(TestReplica& node, bool is_killed) {
    ++report_.crashes;
    if (is_killed) {
      node.Kill();
    } else {
      node.LosePower(random_);
    }
  }

  void MaybeSpoilDisk() {
    TestReplica& node = cluster_.node(1 + random_.Below(cluster_.size()));
    if (!node.is_up()) {
      return;
    }
    if (!random_.OneIn(200)) {
      return;
    }
    switch (random_.Below(3)) {
      case 0: node.files().Plant({.kind = OperationKind::kSync}); break;
      case 1:
        node.files().Plant(
            {.kind = OperationKind::kAllocate, .for_ever = true, .code = ErrorCode::kNoSpace});
        break;
      default: node.files().ClearFaults(); break;
    }
  }

  // A disk stops at the worst moment, until the weather changes.
  void MaybeHoldInstallation() {
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      TestReplica& node = cluster_.node(id);
      if (node.is_up() && node.driver().is_installing() && random_.OneIn(4)) {
        node.disk_is_stuck = true;
      }
    }
  }

  // A planted failure of a disk ends a node, which is found dead and started again.
  void OnError(TestReplica& node, const Error& error) {
    if (error.code == ErrorCode::kCorruption) {
      Violation("node " + std::to_string(node.id().value) + " stopped: " + error.Describe());
    }
    Crash(node, false);
  }

  void Restart(bool all) {
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      TestReplica& node = cluster_.node(id);
      if (!node.is_up() && !gone_.contains(id) && (all || random_.OneIn(60))) {
        if (const Result<void> started = node.TryStart(); !started) {
          Violation("node " + std::to_string(id) +
                    " does not start: " + started.error().Describe());
          return;
        }
      }
    }
  }

  // --- Membership. One change at a time, each asked of whoever leads then.

  void MaybeChangeMembership() {
    TestReplica* leader = cluster_.Leader();
    if (leader == nullptr || is_changing_ || !random_.OneIn(80)) {
      return;
    }
    const Membership membership = leader->machine().state().membership;
    if (!membership.learners.empty()) {
      const NodeId learner = membership.learners.front();
      Ask(*leader,
          random_.OneIn(6) ? MembershipRequest::Kind::kRemove : MembershipRequest::Kind::kPromote,
          learner);
    } else if (membership.voters.size() < kVotersMax && random_.OneIn(2)) {
      const NodeId next{cluster_.size() + 1};
      Ask(*leader, MembershipRequest::Kind::kAdd, next);
      cluster_.AddNode(next.value);
    } else if (membership.voters.size() > kFirstNodes && random_.OneIn(2)) {
      Ask(*leader, MembershipRequest::Kind::kRemove,
          membership.voters[random_.Below(membership.voters.size())]);
    } else {
      leader->driver().TransferLeadership(
          membership.voters[random_.Below(membership.voters.size())]);
    }
  }

  void Ask(TestReplica& leader, MembershipRequest::Kind kind, NodeId node) {
    is_changing_ = true;
    leader.driver().ChangeMembership(
        {.kind = kind, .node = node, .member = TestReplica::MemberOf(node)},
        [this, kind, node](const MembershipReply& reply) {
          is_changing_ = false;
          if (reply.fate != Fate::kDone) {
            return;
          }
          ++report_.membership_changes;
          if (kind == MembershipRequest::Kind::kRemove) {
            to_retire_.push_back(node.value);
          }
        });
  }

  // Nodes that were removed are switched off, but not in the middle of a reply.
  void Retire() {
    for (const std::uint64_t id : std::exchange(to_retire_, {})) {
      gone_.insert(id);
      if (cluster_.node(id).is_up()) {
        cluster_.node(id).Stop();
      }
    }
  }

  // --- Checks.

  // While the membership changes a majority may be of the one before.
  void CheckMajority(const Outcome& outcome) {
    NoteMembership();
    TestReplica* leader = cluster_.Leader();
    if (leader == nullptr || cluster_.now() - changed_at_ < 300 || is_changing_) {
      return;
    }
    const LogIndex index{outcome.revision >> kOrdinalBits};
    const auto& voters = leader->machine().state().membership.voters;
    const auto durable = std::ranges::count_if(
        voters, [&](NodeId voter) { return cluster_.node(voter.value).durable_last() >= index; });
    if (static_cast<std::size_t>(durable) < voters.size() / 2 + 1) {
      Violation("entry " + std::to_string(index.value) + " was acknowledged with only " +
                std::to_string(durable) + " of " + std::to_string(voters.size()) +
                " voters having it on disk:" + DescribeNodes());
    }
  }

  // Good weather, everybody up: clients work on for a while, beside one node that was away and has
  // a slow disk; then all comes to rest.
  void Calm() {
    cluster_.weather = {};
    cluster_.isolated.clear();
    cluster_.cut.clear();
    std::vector<std::uint64_t> installs;
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      cluster_.node(id).disk_idle = 0;
      cluster_.node(id).disk_is_stuck = false;
      if (cluster_.node(id).is_up()) {
        cluster_.node(id).files().ClearFaults();
      }
      installs.push_back(cluster_.node(id).installs());
    }
    TestReplica& slow = cluster_.node(1 + random_.Below(cluster_.size()));
    for (int step = 0; step < kCalmSteps && !IsOver(); ++step) {
      cluster_.isolated.clear();
      if (step < kAwaySteps) {
        cluster_.isolated.push_back(slow.id());
      }
      slow.disk_idle = 90;
      Restart(true);
      StepAll(false);
    }
    cluster_.isolated.clear();
    slow.disk_idle = 0;
    int rest = 0;
    while (rest < kRestStepsMax && !IsOver() && !IsAtRest()) {
      Restart(true);
      StepAll(true);
      ++rest;
    }
    if (IsOver()) {
      return;
    }
    if (!IsAtRest()) {
      Violation("the cluster does not come to rest: " + DescribeNodes());
      return;
    }
    for (std::size_t i = 0; i < installs.size(); ++i) {
      if (cluster_.node(i + 1).installs() - installs[i] > kCalmInstallsMax) {
        Violation("node " + std::to_string(i + 1) + " got the whole state again and again");
      }
    }
  }

  bool IsAtRest() {
    const bool is_idle = std::ranges::all_of(clients_, [](const auto& c) { return c->is_idle(); });
    TestReplica* leader = cluster_.Leader();
    if (!is_idle || leader == nullptr) {
      return false;
    }
    return std::ranges::all_of(Members(*leader), [&](TestReplica* node) {
      return node->is_up() && node->driver().applied() == leader->driver().applied() &&
             node->driver().state().leader == leader->id();
    });
  }

  std::vector<TestReplica*> Members(TestReplica& leader) {
    const Membership& membership = leader.machine().state().membership;
    std::vector<TestReplica*> members;
    for (const auto* ids : {&membership.voters, &membership.learners}) {
      for (const NodeId id : *ids) {
        members.push_back(&cluster_.node(id.value));
      }
    }
    return members;
  }

  std::string DescribeNodes() {
    std::string text;
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      TestReplica& node = cluster_.node(id);
      text += "\n  node " + std::to_string(id) + ": ";
      if (!node.is_up()) {
        text += gone_.contains(id) ? "removed" : "down";
        continue;
      }
      const RaftState& state = node.driver().state();
      text += std::string(Name(state.role)) + ", term " + std::to_string(state.hard.term.value) +
              ", leader " + std::to_string(state.leader.value) + ", applied " +
              std::to_string(node.driver().applied().value) + ", log to " +
              std::to_string(node.durable_last().value) + ", " +
              std::to_string(node.machine().state().membership.voters.size()) + " voters";
    }
    return text;
  }

  void CheckHistories() {
    TestReplica& leader = *cluster_.Leader();
    for (TestReplica* node : Members(leader)) {
      if (node->machine().state().checksum != leader.machine().state().checksum) {
        Violation("nodes at rest have different histories");
      }
      clients_.front()->CheckAll(*node);
    }
    for (const auto& [key, history] : seen_.histories) {
      const Verdict verdict = CheckLinearizable(history);
      if (verdict != Verdict::kLinearizable) {
        Violation("key" + std::to_string(key) +
                  (verdict == Verdict::kTooHard ? ": too hard to check" : ": not linearizable") +
                  "\n" + Describe(history));
      }
    }
  }

  SimulationReport TakeReport() {
    report_.violations = seen_.violations;
    report_.acknowledged = seen_.acknowledged;
    report_.reads = seen_.reads;
    report_.scans = seen_.scans;
    for (std::uint64_t id = 1; id <= cluster_.size(); ++id) {
      report_.installs += cluster_.node(id).installs();
      report_.trace = Mix64(report_.trace, cluster_.node(id).durable_last().value);
    }
    report_.trace = Mix64(report_.trace, seen_.acknowledged * 1'000'003 + seen_.reads);
    return report_;
  }

  const SimulationSetup setup_;
  Random random_;
  const std::uint64_t calmness_ = 1 + random_.Below(6);  // Of this seed's world.
  SimulationReport report_;
  Observations seen_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  std::set<std::uint64_t> gone_;
  std::vector<std::uint64_t> to_retire_;
  bool is_changing_ = false;
  Membership membership_;  // As the leader last had it, and since when.
  std::uint64_t changed_at_ = 0;
  TestCluster cluster_;  // Last: nodes that end answer their clients.
};

}  // namespace

SimulationReport Simulate(const SimulationSetup& setup) {
  World world(setup);
  return world.Run();
}

}  // namespace firn::simulation
