// SPDX-License-Identifier: Apache-2.0
//
// Servers as wholes: founding, joining, draining, and the services about the node itself.
#include "server/server.h"

#include <future>

#include "server/join_file.h"
#include "server/server_testing.h"

namespace firn::server {
namespace {

using grpc::StatusCode;

class WholeServerTest : public ServerTest {
 protected:
  v1::GetStatusResponse Status() {
    grpc::ClientContext context;
    v1::GetStatusResponse response;
    EXPECT_TRUE(cluster_->GetStatus(&context, {}, &response).ok());
    return response;
  }
  // A second server beside the first, in a directory of its own.
  std::unique_ptr<Server> Join(const std::string& name, bool learner = false) {
    Config config = config_;
    config.data = directory_ / name;
    config.join = server_->addresses().client;
    config.learner = learner;
    return Server::Start(config, {.on_failure = {}, .is_stopping = {}}).value();
  }
  void AwaitVoters(int count) {
    Await([&] {
      int voters = 0;
      const v1::GetStatusResponse status = Status();
      for (const v1::Member& member : status.members()) {
        voters += member.is_learner() ? 0 : 1;
      }
      return voters == count;
    });
  }
  const v1::Member* FindIn(const v1::GetStatusResponse& status, NodeId node) {
    for (const v1::Member& member : status.members()) {
      if (member.node_id() == node.value) {
        return &member;
      }
    }
    return nullptr;
  }
};

TEST_F(WholeServerTest, ANewDirectoryFoundsAClusterOfOne) {
  Start();
  EXPECT_EQ(server_->arrival(), Arrival::kFounded);
  Put("k", "v");
  const v1::GetStatusResponse status = Status();
  EXPECT_EQ(status.node_id(), 1U);
  EXPECT_EQ(status.role(), v1::ROLE_LEADER);
  EXPECT_EQ(status.leader_address(), server_->addresses().client);
  ASSERT_EQ(status.members_size(), 1);
  EXPECT_EQ(status.members(0).peer_address(), server_->addresses().peer);
  EXPECT_EQ(status.durability(), "disk");
  EXPECT_GE(status.applied_index(), 2U);
}

TEST_F(WholeServerTest, ADirectoryComesBackAsTheSameNodeOnTheSamePorts) {
  Start();
  Put("k", "v");
  const Identity identity = server_->identity();
  const ServerAddresses addresses = server_->addresses();
  server_.reset();
  Start();
  EXPECT_EQ(server_->arrival(), Arrival::kReturned);
  EXPECT_EQ(server_->identity(), identity);
  EXPECT_EQ(server_->addresses().client, addresses.client);
  EXPECT_EQ(server_->addresses().peer, addresses.peer);
}

TEST_F(WholeServerTest, ADirectoryServesOneServerAtATime) {
  Start();
  Config config = config_;
  const Result<std::unique_ptr<Server>> second =
      Server::Start(config, {.on_failure = {}, .is_stopping = {}});
  EXPECT_FALSE(second.has_value());
}

TEST_F(WholeServerTest, APortThatIsTakenIsNamed) {
  Start();
  Config config = config_;
  config.data = directory_ / "other";
  config.listen = server_->addresses().client;
  const auto second = Server::Start(config, {.on_failure = {}, .is_stopping = {}});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().context.find(config.listen), std::string::npos);
}

TEST_F(WholeServerTest, NodesJoinGetTheirVoteAndServeReadsAndForwardedWrites) {
  Start();
  Put("k", "v");
  const std::unique_ptr<Server> second = Join("second");
  const std::unique_ptr<Server> third = Join("third");
  EXPECT_EQ(second->arrival(), Arrival::kJoined);
  EXPECT_EQ(second->identity().cluster, server_->identity().cluster);
  EXPECT_NE(second->identity().node, third->identity().node);
  AwaitVoters(3);
  const auto follower = v1::KVService::NewStub(
      grpc::CreateChannel(second->addresses().client, grpc::InsecureChannelCredentials()));
  v1::GetRequest get;
  get.set_key("k");
  v1::GetResponse got;
  Await([&] {
    grpc::ClientContext context;
    return follower->Get(&context, get, &got).ok();
  });
  EXPECT_EQ(got.value(), "v");

  v1::PutRequest put;
  put.set_key("through");
  put.set_value("follower");
  v1::PutResponse done;
  grpc::ClientContext forwarding;
  const grpc::Status forwarded = follower->Put(&forwarding, put, &done);
  EXPECT_TRUE(forwarded.ok()) << forwarded.error_message();
  grpc::ClientContext alone;
  alone.AddMetadata("firn-forward", "no");
  const grpc::Status refused = follower->Put(&alone, put, &done);
  EXPECT_EQ(refused.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(alone), "NOT_LEADER");
  const auto leader = alone.GetServerTrailingMetadata().find("firn-leader");
  ASSERT_NE(leader, alone.GetServerTrailingMetadata().end());
  EXPECT_EQ(std::string(leader->second.data(), leader->second.size()), server_->addresses().client);
}

TEST_F(WholeServerTest, ALeaderThatDrainsHandsOverAndTheOthersServeOn) {
  Start();
  Put("k", "v");
  const std::unique_ptr<Server> second = Join("second");
  const std::unique_ptr<Server> third = Join("third");
  AwaitVoters(3);
  EXPECT_TRUE(server_->Drain().has_value());
  const auto other = v1::KVService::NewStub(
      grpc::CreateChannel(third->addresses().client, grpc::InsecureChannelCredentials()));
  v1::PutRequest put;
  put.set_key("after");
  put.set_value("drain");
  v1::PutResponse done;
  Await([&] {
    grpc::ClientContext context;
    const grpc::Status status = other->Put(&context, put, &done);
    EXPECT_NE(ReasonOf(context), status.ok() ? "x" : "") << status.error_message();
    return status.ok();
  });
}

TEST_F(WholeServerTest, ALearnerStaysOne) {
  Start();
  Put("k", "v");
  const std::unique_ptr<Server> learner = Join("learner", true);
  const v1::GetStatusResponse status = Status();
  const v1::Member* member = FindIn(status, learner->identity().node);
  ASSERT_NE(member, nullptr);
  EXPECT_TRUE(member->is_learner());
  EXPECT_FALSE(ReadJoinFile(directory_ / "learner").value().has_value());
}

TEST_F(WholeServerTest, AnAttemptToJoinThatWasCutShortIsRepeatedAsTheSameNode) {
  Start();
  Put("k", "v");
  const JoinAttempt attempt{.directory = 0x1234,
                            .through = server_->addresses().client,
                            .client_address = "127.0.0.1:0",
                            .peer_address = "127.0.0.1:0"};
  ASSERT_TRUE(WriteJoinFile(directory_ / "second", attempt).has_value());
  const std::unique_ptr<Server> second = Join("second", true);
  EXPECT_EQ(second->identity().directory, attempt.directory);
}

TEST_F(WholeServerTest, WhoIsToldToStopWhileItWaitsForAClusterGivesUp) {
  Config config = config_;
  config.join = "127.0.0.1:1";  // Nobody is there.
  const auto started =
      Server::Start(config, {.on_failure = {}, .is_stopping = [] { return true; }});
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::kClosed);
}

TEST_F(WholeServerTest, DrainingEndsWithEverythingInTables) {
  Start();
  for (int i = 0; i < 50; ++i) {
    Put("key" + std::to_string(i), "value");
  }
  EXPECT_TRUE(server_->Drain().has_value());
  v1::GetResponse response;
  grpc::ClientContext context;
  v1::GetRequest request;
  request.set_key("key1");
  EXPECT_EQ(kv_->Get(&context, request, &response).error_code(), StatusCode::UNAVAILABLE);
  server_.reset();
  Start();
  Put("warm", "up");
  EXPECT_EQ(Get("key49").value(), "value");
}

TEST_F(WholeServerTest, MembersThatMakeNoSenseAreRefused) {
  Start();
  Put("k", "v");
  v1::AddMemberRequest request;
  v1::AddMemberResponse response;
  request.set_directory_id("0123456789abcdef");
  request.set_peer_address("nowhere");
  request.set_client_address("127.0.0.1:1");
  {
    grpc::ClientContext context;
    EXPECT_EQ(cluster_->AddMember(&context, request, &response).error_code(),
              StatusCode::INVALID_ARGUMENT);
  }
  request.set_peer_address("127.0.0.1:2");
  request.set_directory_id("short");
  {
    grpc::ClientContext context;
    EXPECT_EQ(cluster_->AddMember(&context, request, &response).error_code(),
              StatusCode::INVALID_ARGUMENT);
  }
  v1::RemoveMemberRequest remove;
  v1::RemoveMemberResponse removed;
  remove.set_node_id(1);
  grpc::ClientContext context;
  EXPECT_EQ(cluster_->RemoveMember(&context, remove, &removed).error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(context), "REFUSED");
  grpc::ClientContext transfer;
  v1::TransferLeadershipResponse transferred;
  EXPECT_EQ(cluster_->TransferLeadership(&transfer, {}, &transferred).error_code(),
            StatusCode::FAILED_PRECONDITION);
}

TEST_F(WholeServerTest, ThePagesHaveAPortOfTheirOwn) {
  config_.http_listen = "127.0.0.1:0";
  Start();
  Put("k", "v");
  EXPECT_NE(server_->addresses().http, "");
  EXPECT_NE(server_->addresses().http, server_->addresses().client);
}

TEST_F(WholeServerTest, TheStoreIsFlushedAndCompactedOnRequest) {
  config_.engine.auto_compaction = false;
  Start();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) {
      Put("key" + std::to_string(i), "value" + std::to_string(round));
    }
    grpc::ClientContext context;
    v1::FlushMemTableResponse flushed;
    ASSERT_TRUE(storage_->FlushMemTable(&context, {}, &flushed).ok());
    EXPECT_NE(flushed.sstable(), "");
    EXPECT_GE(flushed.entries(), 20U);
  }
  v1::GetLevelsResponse levels;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(storage_->GetLevels(&context, {}, &levels).ok());
  }
  ASSERT_EQ(levels.levels_size(), 7);
  EXPECT_GE(levels.levels(0).sstables_size(), 3);
  EXPECT_FALSE(levels.levels(0).sorted());
  {
    grpc::ClientContext context;
    v1::TriggerCompactionResponse compacted;
    ASSERT_TRUE(storage_->TriggerCompaction(&context, {}, &compacted).ok());
    EXPECT_GE(compacted.tables_read(), 3U);
  }
  {
    grpc::ClientContext context;
    ASSERT_TRUE(storage_->GetLevels(&context, {}, &levels).ok());
  }
  EXPECT_EQ(levels.levels(0).sstables_size(), 0);
  EXPECT_EQ(Get("key7").value(), "value2");
  v1::TriggerCompactionRequest deep;
  deep.set_level(6);
  grpc::ClientContext context;
  v1::TriggerCompactionResponse compacted;
  EXPECT_EQ(storage_->TriggerCompaction(&context, deep, &compacted).error_code(),
            StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext asking;
  v1::GetStorageStatsResponse statistics;
  ASSERT_TRUE(storage_->GetStorageStats(&asking, {}, &statistics).ok());
  EXPECT_GT(statistics.point_reads(), 0U);
  EXPECT_GE(statistics.space_amplification(), 1.0);
  EXPECT_EQ(statistics.memory_budget(), config_.engine.memory_budget_bytes);
}

}  // namespace
}  // namespace firn::server
