// SPDX-License-Identifier: Apache-2.0
//
// Replicas on real disks that talk over real transports: they elect, write, and do without the one
// that led.
#include <gtest/gtest.h>

#include <deque>
#include <future>

#include "base/random.h"
#include "io/posix_file_system.h"
#include "io/temporary_directory.h"
#include "replica/replica.h"
#include "server/peer/peer_transport.h"
#include "server/tls/certificates.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

constexpr std::uint64_t kNodes = 3;

class PeerReplicaTest : public testing::TestWithParam<bool> {
 protected:
  // Transports first: each directory is made with the addresses of all.
  PeerReplicaTest() {
    if (GetParam()) {
      authority_ = MakeCertificateAuthority("cluster").value();
      WritePem(directory_ / "ca", *authority_).value();
    }
    ReplicaState initial;
    initial.index = {1};
    initial.term = {1};
    for (std::uint64_t id = 1; id <= kNodes; ++id) {
      Node& node = nodes_[{id}];
      node.identity = {.cluster = 7, .node = {id}, .directory = EntropySeed()};
      node.transport = Listen(node, "127.0.0.1:0");
      node.address = node.transport->address();
      initial.membership.voters.push_back({id});
      initial.members[{id}] = {.directory = FormatId(node.identity.directory),
                               .peer_address = node.address,
                               .client_address = {}};
    }
    for (auto& [id, node] : nodes_) {
      CreateNode(SetupOf(node).node, node.identity, initial).value();
      Run(node);
    }
  }
  ~PeerReplicaTest() override {
    for (auto& [id, node] : nodes_) {
      Stop(id);
    }
  }

  struct Node {
    Identity identity;
    std::string address;
    std::unique_ptr<PeerTransport> transport;
    std::unique_ptr<Replica> replica;
  };

  Node& At(NodeId id) { return nodes_.at(id); }

  void Stop(NodeId id) {
    Node& node = At(id);
    if (node.replica != nullptr) {
      node.transport->Stop();  // No event finds a replica that has gone,
      node.replica = nullptr;  // and it finds its sender to the last.
      node.transport = nullptr;
    }
  }
  void Restart(NodeId id) {
    Node& node = At(id);
    node.transport = Listen(node, node.address);
    Run(node);
  }

  static CommandReply Put(Replica& replica, const std::string& key, const std::string& value) {
    std::string operations;
    EncodePut(operations, key, value);
    Command command;
    command.operations = operations;
    std::promise<CommandReply> reply;
    replica.Submit(command, true, [&reply](const CommandReply& came) { reply.set_value(came); });
    return reply.get_future().get();
  }
  // Asks the nodes in turn until one has seen it applied; those that do not lead pass it on.
  void PutSomewhere(const std::string& key, const std::string& value) {
    for (;;) {
      for (auto& [id, node] : nodes_) {
        if (node.replica != nullptr && Put(*node.replica, key, value).fate == Fate::kDone) {
          return;
        }
      }
    }
  }
  std::optional<std::string> Get(NodeId id, const std::string& key) {
    Replica& replica = *At(id).replica;
    for (;;) {
      std::promise<Fate> fate;
      replica.Read([&fate](Fate came) { fate.set_value(came); });
      if (fate.get_future().get() == Fate::kDone) {
        return replica.engine()->Get(key, {}).value().value;
      }
    }
  }
  NodeId Leader() {
    for (;;) {
      for (auto& [id, node] : nodes_) {
        const NodeId leader =
            node.replica != nullptr ? node.replica->Status().raft.leader : NodeId{};
        if (leader != NodeId{} && At(leader).replica != nullptr) {
          return leader;
        }
      }
    }
  }

 private:
  std::unique_ptr<PeerTransport> Listen(const Node& node, const std::string& address) {
    PeerTransportConfig config;
    config.listen = address;
    config.identity = node.identity;
    if (authority_) {
      const std::string stem = directory_ / ("node-" + std::to_string(node.identity.node.value));
      const PemPair pair = IssueNodeCertificate(*authority_, node.identity.node, {}).value();
      static_cast<void>(WritePem(stem, pair));  // It is there when the node starts again.
      config.tls = PeerTls{.ca_file = directory_ / "ca.pem",
                           .certificate_file = stem + ".pem",
                           .key_file = stem + ".key"};
    }
    return PeerTransport::Listen(std::move(config)).value();
  }
  ReplicaSetup SetupOf(const Node& node) {
    ReplicaSetup setup;
    setup.node.environment = {.files = PosixFileSystem(),
                              .scheduler = MakeThreadScheduler(),
                              .seed = EntropySeed(),
                              .manifest_bytes_max = Catalog::kRollOverBytes};
    setup.node.directory = directory_ / ("data-" + std::to_string(node.identity.node.value));
    setup.node.engine.memtable_bytes = std::size_t{1} << 20;
    setup.node.engine.memory_budget_bytes = std::size_t{16} << 20;
    setup.peers = node.transport.get();
    setup.tick = std::chrono::milliseconds(10);
    return setup;
  }
  void Run(Node& node) {
    node.replica = Replica::Start(SetupOf(node)).value();
    Replica& replica = *node.replica;
    node.transport->Start(
        {.receive = [&replica](
                        NodeId from, PeerMessageKind kind,
                        std::string bytes) { replica.Receive(from, kind, std::move(bytes)); },
         .unreachable = [&replica](NodeId peer) { replica.PeerUnreachable(peer); }});
  }

  TemporaryDirectory directory_;
  std::optional<PemPair> authority_;
  std::map<NodeId, Node> nodes_;
};

TEST_P(PeerReplicaTest, AClusterOutlivesItsLeader) {
  for (int i = 0; i < 100; ++i) {
    PutSomewhere("key" + std::to_string(i), std::string(1000, 'v'));
  }
  for (std::uint64_t id = 1; id <= kNodes; ++id) {
    EXPECT_EQ(Get({id}, "key99"), std::string(1000, 'v')) << id;
  }
  const NodeId leader = Leader();
  Stop(leader);
  PutSomewhere("after", "the leader");
  const NodeId next = Leader();
  EXPECT_NE(next, leader);
  Restart(leader);
  EXPECT_EQ(Get(leader, "after"), "the leader");
  EXPECT_EQ(Get(leader, "key0"), std::string(1000, 'v'));
  EXPECT_GT(At(next).transport->Statistics().frames_received, 0u);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutTls, PeerReplicaTest, testing::Bool());

}  // namespace
}  // namespace firn
