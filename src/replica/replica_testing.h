// SPDX-License-Identifier: Apache-2.0
//
// Nodes of a cluster in one process and on one thread: real engine, log, ballot, Raft and driver
// over simulated disks and a network of lists. A seed decides everything: how long disks and
// messages take, what is lost, and when.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/propagate.h"
#include "base/random.h"
#include "engine/test_engine.h"
#include "replica/driver.h"
#include "replica/node_directory.h"

namespace firn {

inline constexpr std::uint64_t kTickMs = 50;

// One node: its disk outlives it.
class TestReplica {
 public:
  struct Setup {
    NodeId id;
    Membership membership;  // Empty for a node that joins.
    std::uint64_t seed = 0;
    std::uint64_t log_bytes_kept = 100 << 10;
    PlantedDefect defect = PlantedDefect::kNone;
    std::function<void(const std::string&)> violation;
  };

  TestReplica(Setup setup, PeerSender& peers)
      : setup_(std::move(setup)), peers_(peers), memory_(std::make_shared<MemoryFileSystem>()) {
    const std::uint64_t start = setup_.membership.voters.empty() ? 0 : 1;
    ReplicaState initial;
    initial.index = {start};
    initial.term = {start};
    initial.membership = setup_.membership;
    for (const NodeId id : setup_.membership.voters) {
      initial.members[id] = MemberOf(id);
      initial.largest_node = std::max(initial.largest_node, id);
    }
    BeginLife();
    CreateNode(NodeSetupNow(), {.cluster = 1, .node = setup_.id, .directory = setup_.seed}, initial)
        .value();
    Start();
  }

  bool is_up() const { return driver_ != nullptr; }
  Driver& driver() { return *driver_; }
  StateMachine& machine() { return *parts_->machine; }
  static Member MemberOf(NodeId id) {
    const std::string name = "node" + std::to_string(id.value);
    return {.directory = name, .peer_address = name + ":1", .client_address = name + ":2"};
  }
  SteppedScheduler& scheduler() { return *scheduler_; }
  bool disk_is_stuck = false;
  unsigned disk_idle = 0;  // Besides the weather's.
  std::vector<std::string> Listing() { return memory_->List(kNodeDirectory).value(); }
  MemoryFileSystem& disk() { return *memory_; }  // Also while it is down.
  std::size_t segment_count() { return memory_->List("/node/raft").value().size() - 1; }  // VOTE.
  FaultyFileSystem& files() { return *files_; }
  NodeId id() const { return setup_.id; }

  // Others have heard that it is in this term: it must never be found in an older one.
  void NotePromise(const RaftMessage& message) {
    if (message.kind == RaftMessageKind::kVote || message.kind == RaftMessageKind::kVoteReply ||
        message.kind == RaftMessageKind::kAppendReply) {
      promised_ = std::max(promised_, message.term);
    }
  }

  // What was not synced is lost, more or less of it.
  void LosePower(Random& random) { StopAs(memory_->CloneAfterPowerLoss(random)); }
  void Kill() { StopAs(memory_->CloneAfterKill()); }
  void Stop() {
    driver_.reset();
    parts_.reset();
    scheduler_.reset();
  }
  void Start() { TryStart().value(); }
  Result<void> TryStart() {
    BeginLife();
    node_setup_ = NodeSetupNow();
    FIRN_TRY_ASSIGN(parts_, OpenNode(node_setup_));
    const Ballot& ballot = parts_->ballot->ballot();
    if (ballot.term < promised_) {
      setup_.violation("node " + std::to_string(setup_.id.value) + " has forgotten its term");
    }
    DriverConfig config;
    config.id = parts_->identity.node;
    config.seed = setup_.seed * 31 + boots_;
    config.log_bytes_kept = setup_.log_bytes_kept;
    config.defect = setup_.defect;
    config.audit_history_interval = 16;
    config.audit_rows_interval = 64;
    config.boot = (setup_.id.value << 48) + (boots_ << 32);
    const auto on_store = [this](const std::shared_ptr<Engine>&) { ++installs_; };
    FIRN_TRY_ASSIGN(driver_, Driver::Start(config, {.node = *parts_,
                                                    .setup = node_setup_,
                                                    .peers = peers_,
                                                    .scheduler = *scheduler_,
                                                    .wake = [] {},
                                                    .on_store = on_store}));
    return {};
  }
  // State snapshots that were installed, in all lives.
  std::uint64_t installs() const { return installs_; }
  // What the node has on disk of the log, or had when it was last up.
  LogIndex durable_last() {
    durable_last_ = is_up() ? driver_->durable_last() : durable_last_;
    return durable_last_;
  }

 private:
  void StopAs(std::shared_ptr<MemoryFileSystem> after) {
    durable_last();
    Stop();
    memory_ = std::move(after);
  }
  void BeginLife() {
    ++boots_;
    files_ = std::make_shared<FaultyFileSystem>(memory_);
    scheduler_ = std::make_shared<SteppedScheduler>(setup_.seed + boots_);
  }
  NodeSetup NodeSetupNow() const {
    return {.environment = {.files = files_,
                            .scheduler = scheduler_,
                            .seed = setup_.seed,
                            .manifest_bytes_max = Catalog::kRollOverBytes},
            .directory = kNodeDirectory,
            .engine = SmallOptions(),
            .log_segment_bytes = 64 << 10,
            .log_cache_bytes = 16 << 10};
  }

  static constexpr const char* kNodeDirectory = "/node";
  const Setup setup_;
  PeerSender& peers_;
  std::uint64_t boots_ = 0;
  Term promised_;
  std::uint64_t installs_ = 0;
  LogIndex durable_last_;
  std::shared_ptr<MemoryFileSystem> memory_;
  std::shared_ptr<FaultyFileSystem> files_;
  std::shared_ptr<SteppedScheduler> scheduler_;
  NodeSetup node_setup_;
  std::optional<NodeParts> parts_;
  std::unique_ptr<Driver> driver_;
};

// How bad the world is; in percent.
struct Weather {
  unsigned loss = 0;
  unsigned duplication = 0;
  std::uint64_t delay_max = 1;  // Steps a message takes at most.
  unsigned disk_idle = 0;       // Chance that a disk does nothing in a step.
};

struct ClusterSetup {
  std::uint64_t nodes = 1;
  std::uint64_t seed = 0;
  std::uint64_t log_bytes_kept = 100 << 10;
  PlantedDefect defect = PlantedDefect::kNone;
  // What must never be: two leaders of a term, histories that differ. Null: abort.
  std::function<void(const std::string&)> violation;
};

class TestCluster {
 public:
  TestCluster(std::uint64_t count, std::uint64_t seed)
      : TestCluster(ClusterSetup{.nodes = count,
                                 .seed = seed,
                                 .log_bytes_kept = 100 << 10,
                                 .defect = PlantedDefect::kNone,
                                 .violation = {}}) {}
  explicit TestCluster(ClusterSetup setup) : setup_(std::move(setup)), random_(setup_.seed) {
    if (!setup_.violation) {
      setup_.violation = [](const std::string& text) { FIRN_CHECK(false, text); };
    }
    Membership membership;
    for (std::uint64_t id = 1; id <= setup_.nodes; ++id) {
      membership.voters.push_back({id});
    }
    for (const NodeId id : membership.voters) {
      Add(id, membership);
    }
  }
  // A node that is not a member yet.
  TestReplica& AddNode(std::uint64_t id) {
    Add({id}, {});
    return node(id);
  }

  Weather weather;
  std::vector<NodeId> isolated;
  std::set<std::pair<NodeId, NodeId>> cut;  // From the first, nothing reaches the second.

  TestReplica& node(std::uint64_t id) { return *nodes_.at({id}); }
  std::size_t size() const { return nodes_.size(); }
  std::uint64_t now() const { return now_; }  // In steps.
  Random& random() { return random_; }

  std::uint64_t chunks() const { return chunks_; }  // Parts of checkpoints that arrived.

  // The leader of the newest term among the nodes that are up, or null.
  TestReplica* Leader() {
    TestReplica* leader = nullptr;
    for (auto& [id, node] : nodes_) {
      if (node->is_up() && node->driver().is_leader() &&
          (leader == nullptr ||
           node->driver().state().hard.term > leader->driver().state().hard.term)) {
        leader = node.get();
      }
    }
    return leader;
  }

  // A step is 10 ms: disks work, messages arrive, every fifth step ticks.
  void Step() {
    ++now_;
    for (auto& [id, node] : nodes_) {
      if (!node->is_up()) {
        continue;
      }
      for (int task = 0; task < 4 && !node->disk_is_stuck &&
                         random_.Below(100) >= std::max(weather.disk_idle, node->disk_idle);
           ++task) {
        node->scheduler().RunOne();
      }
      if ((now_ + id.value) % 5 == 0) {
        node->scheduler().Advance(std::chrono::milliseconds(kTickMs));
        const Result<void> ticked = node->driver().Tick(kTickMs);
        if (!ticked && on_error) {
          on_error(*node, ticked.error());
          continue;
        }
        ticked.value();
      }
      Turn(*node);
    }
    Deliver();
  }
  void Steps(int count) {
    for (int i = 0; i < count; ++i) {
      Step();
    }
  }
  // Steps until it is true; whether it became so.
  bool StepUntil(const std::function<bool()>& done, int limit = 2000) {
    for (int i = 0; i < limit; ++i) {
      if (done()) {
        return true;
      }
      Step();
    }
    return done();
  }

  // What to do with a node that cannot go on. Without it that is a failure.
  std::function<void(TestReplica&, const Error&)> on_error;

  void Turn(TestReplica& node) {
    const Result<void> turned = node.driver().Turn();
    if (!turned && on_error) {
      on_error(node, turned.error());
      return;
    }
    turned.value();
    const RaftState& state = node.driver().state();
    if (state.role == RaftRole::kLeader) {
      const NodeId known = leaders_.emplace(state.hard.term, node.id()).first->second;
      if (known != node.id()) {
        setup_.violation("term " + std::to_string(state.hard.term.value) + " has two leaders");
      }
    }
    CheckAgreement(node);
  }

 private:
  class Sender final : public PeerSender {
   public:
    Sender(TestCluster& cluster, NodeId from) : cluster_(cluster), from_(from) {}
    void Send(const RaftMessage& message) override {
      cluster_.nodes_.at(from_)->NotePromise(message);
      cluster_.Post(from_,
                    {.kind = PeerMessageKind::kRaft, .to = message.to, .bytes = message.bytes});
    }
    void Send(const PeerMessage& message) override { cluster_.Post(from_, message); }
    void SetMembers(const std::map<NodeId, Member>& members) override {
      (void)members;  // Everybody is known to the network.
    }

   private:
    TestCluster& cluster_;
    NodeId from_;
  };
  struct Letter {
    NodeId from;
    PeerMessage message;
  };

  void Add(NodeId id, const Membership& membership) {
    senders_[id] = std::make_unique<Sender>(*this, id);
    nodes_[id] =
        std::make_unique<TestReplica>(TestReplica::Setup{.id = id,
                                                         .membership = membership,
                                                         .seed = random_.Next(),
                                                         .log_bytes_kept = setup_.log_bytes_kept,
                                                         .defect = setup_.defect,
                                                         .violation = setup_.violation},
                                      *senders_[id]);
  }
  bool IsIsolated(NodeId id) const { return std::ranges::find(isolated, id) != isolated.end(); }

  void Post(NodeId from, const PeerMessage& message) {
    if (random_.Below(100) < weather.loss) {
      return;
    }
    wire_.emplace(now_ + 1 + random_.Below(weather.delay_max), Letter{from, message});
    if (random_.Below(100) < weather.duplication) {
      wire_.emplace(now_ + 1 + random_.Below(4 * weather.delay_max), Letter{from, message});
    }
  }

  void Deliver() {
    while (!wire_.empty() && wire_.begin()->first <= now_) {
      const Letter letter = std::move(wire_.extract(wire_.begin()).mapped());
      const auto to = nodes_.find(letter.message.to);
      if (to == nodes_.end() || !to->second->is_up() || IsIsolated(letter.from) ||
          IsIsolated(letter.message.to) || cut.contains({letter.from, letter.message.to})) {
        NoteUnreachable(letter);
        continue;
      }
      chunks_ += letter.message.kind == PeerMessageKind::kChunk ? 1 : 0;
      to->second->driver().Receive(letter.from, letter.message.kind, letter.message.bytes);
      Turn(*to->second);
    }
  }

  // A transport notices now and then that its messages go nowhere.
  void NoteUnreachable(const Letter& letter) {
    const auto from = nodes_.find(letter.from);
    if (from != nodes_.end() && from->second->is_up() && random_.OneIn(8)) {
      from->second->driver().PeerUnreachable(letter.message.to);
    }
  }

  // Whoever has applied an index has the same history up to it.
  void CheckAgreement(TestReplica& node) {
    const ReplicaState& state = node.machine().state();
    const std::uint64_t known = checksums_.emplace(state.index, state.checksum).first->second;
    if (known != state.checksum) {
      setup_.violation("node " + std::to_string(node.id().value) + " has another history up to " +
                       std::to_string(state.index.value));
    }
  }

  ClusterSetup setup_;
  Random random_;
  std::map<NodeId, std::unique_ptr<Sender>> senders_;
  std::multimap<std::uint64_t, Letter> wire_;
  std::map<Term, NodeId> leaders_;
  std::map<LogIndex, std::uint64_t> checksums_;
  std::uint64_t now_ = 0;
  std::uint64_t chunks_ = 0;
  std::map<NodeId, std::unique_ptr<TestReplica>> nodes_;  // Last: they send as they end.
};

}  // namespace firn
