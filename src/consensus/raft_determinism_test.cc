// SPDX-License-Identifier: Apache-2.0
//
// Five nodes in one process on a bad network replay the same trace from the same seed: twice in
// this process, and in others whose collector and threads are set otherwise.
#include <gtest/gtest.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>

#include "base/hash.h"
#include "base/random.h"
#include "consensus/raft_testing.h"

namespace firn {
namespace {

constexpr const char* kSeedVariable = "FIRN_RAFT_TRACE_SEED";

// Everything that comes out of five nodes, folded into one number. Messages are lost, late, doubled
// and cut off in phases; proposals and reads go to random nodes.
class Trace {
 public:
  explicit Trace(std::uint64_t seed) : random_(seed) {
    Membership membership;
    for (std::uint64_t id = 1; id <= 5; ++id) {
      membership.voters.push_back({id});
    }
    for (const NodeId id : membership.voters) {
      nodes_.push_back(std::make_unique<TestRaftNode>(id, membership, seed));
    }
  }

  std::uint64_t Run(std::uint64_t steps) {
    for (now_ = 0; now_ < steps; ++now_) {
      isolated_ = now_ / 200 % 3 == 1 ? 1 + now_ / 200 % 5 : 0;
      for (auto& node : nodes_) {
        node->raft->Tick();
      }
      TestRaftNode& chosen = *nodes_[random_.Below(5)];
      Fold(chosen.raft->Propose(std::to_string(random_.Next())) ? "taken" : "dropped");
      chosen.raft->ReadIndex(std::to_string(now_));
      for (auto& node : nodes_) {
        Send(*node);
      }
      Deliver();
    }
    return hash_;
  }

  std::uint64_t applied() const { return nodes_[0]->applied.size(); }

 private:
  void Fold(std::string_view bytes) { hash_ = Hash64(bytes) ^ Mix64(hash_, 1); }

  void Send(TestRaftNode& node) {
    for (RaftMessage& message : node.Work()) {
      Fold(message.bytes);
      const bool lost =
          random_.OneIn(10) || node.id.value == isolated_ || message.to.value == isolated_;
      if (lost) {
        continue;
      }
      if (random_.OneIn(20)) {
        wire_.emplace(now_ + 2 + random_.Below(5), message);
      }
      wire_.emplace(now_ + 1 + random_.Below(3), std::move(message));
    }
    for (const LogEntry& entry : node.applied) {
      Fold(entry.data);
    }
  }

  void Deliver() {
    while (!wire_.empty() && wire_.begin()->first <= now_) {
      const RaftMessage message = std::move(wire_.extract(wire_.begin()).mapped());
      nodes_[message.to.value - 1]->raft->Step(message.bytes).value();
    }
  }

  Random random_;
  std::vector<std::unique_ptr<TestRaftNode>> nodes_;
  std::multimap<std::uint64_t, RaftMessage> wire_;
  std::uint64_t now_ = 0;
  std::uint64_t isolated_ = 0;
  std::uint64_t hash_ = 0;
};

std::string TraceOf(std::uint64_t seed) {
  Trace trace(seed);
  char line[64];
  const std::uint64_t hash = trace.Run(600);
  std::snprintf(line, sizeof line, "%016llx after %llu entries",
                static_cast<unsigned long long>(hash),
                static_cast<unsigned long long>(trace.applied()));
  return line;
}

// Runs this program again with the environment in front, and returns what it prints.
std::string TraceOfAnotherProcess(const std::string& environment) {
  char program[PATH_MAX] = {};
  EXPECT_GT(::readlink("/proc/self/exe", program, sizeof program - 1), 0);
  const std::string command = environment + " '" + program + "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  char line[256] = {};
  EXPECT_NE(std::fgets(line, sizeof line, pipe), nullptr);
  EXPECT_EQ(::pclose(pipe), 0);
  return line;
}

TEST(RaftDeterminism, OneSeedGivesOneTraceInAnyProcess) {
  const std::string trace = TraceOf(42);
  EXPECT_EQ(TraceOf(42), trace);
  for (const char* environment : {"GOGC=1 GOMAXPROCS=1", "GOGC=off GOMAXPROCS=8"}) {
    EXPECT_EQ(TraceOfAnotherProcess(std::string(environment) + " " + kSeedVariable + "=42"), trace);
  }
}

TEST(RaftDeterminism, AnotherSeedGivesAnotherTrace) { EXPECT_NE(TraceOf(43), TraceOf(42)); }

TEST(RaftDeterminism, TheTraceIsOfACommittingCluster) {
  Trace trace(42);
  trace.Run(600);
  EXPECT_GT(trace.applied(), 50u);
}

}  // namespace
}  // namespace firn

int main(int argc, char** argv) {
  if (const char* seed = std::getenv(firn::kSeedVariable)) {
    std::fputs(firn::TraceOf(std::strtoull(seed, nullptr, 10)).c_str(), stdout);
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
