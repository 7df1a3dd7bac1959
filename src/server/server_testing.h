// SPDX-License-Identifier: Apache-2.0
//
// A whole server of one node for tests: real files in a temporary directory, real threads, free
// ports on loopback.
#pragma once

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "firn/v1/cluster.grpc.pb.h"
#include "firn/v1/kv.grpc.pb.h"
#include "firn/v1/storage.grpc.pb.h"
#include "io/scheduler.h"
#include "io/temporary_directory.h"
#include "server/server.h"

namespace firn::server {

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    config_.data = directory_ / "data";
    config_.listen = "127.0.0.1:0";
    config_.peer_listen = "127.0.0.1:0";
    config_.http_listen = "";
    config_.tick = std::chrono::milliseconds(10);
    config_.engine.memory_budget_bytes = std::size_t{32} << 20;
    config_.engine.memtable_bytes = std::size_t{1} << 20;
    config_.limits.value_bytes_max = std::size_t{1} << 20;
    config_.limits.batch_bytes_max = std::size_t{1} << 20;
  }

  void Start() {
    server_ = Server::Start(config_, {.on_failure = {}, .is_stopping = {}}).value();
    Connect();
  }
  void Connect() {
    channel_ = NewChannel();
    kv_ = v1::KVService::NewStub(channel_);
    storage_ = v1::StorageService::NewStub(channel_);
    cluster_ = v1::ClusterService::NewStub(channel_);
  }
  // With a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(server_->addresses().client,
                                     grpc::InsecureChannelCredentials(), arguments);
  }

  // Waits until the node leads, which a node of one does after an election timeout.
  v1::PutResponse Put(const std::string& key, const std::string& value) {
    v1::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    v1::PutResponse response;
    Await([&] {
      grpc::ClientContext context;
      const grpc::Status status = kv_->Put(&context, request, &response);
      EXPECT_TRUE(status.ok() || ReasonOf(context) == "NO_LEADER") << status.error_message();
      return status.ok() || ReasonOf(context) != "NO_LEADER";
    });
    return response;
  }
  v1::GetResponse Get(const std::string& key) {
    v1::GetRequest request;
    request.set_key(key);
    v1::GetResponse response;
    grpc::ClientContext context;
    const grpc::Status status = kv_->Get(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // Looks until it holds. A moment between two looks leaves the processors to the servers.
  template <typename Condition>
  void Await(const Condition& holds) {
    while (!holds()) {
      scheduler_->Pause(std::chrono::milliseconds(2));
    }
  }

  static std::string ReasonOf(const grpc::ClientContext& context) {
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find("firn-reason");
    return found == trailers.end() ? "" : std::string(found->second.data(), found->second.size());
  }

  const std::shared_ptr<Scheduler> scheduler_ = MakeThreadScheduler();
  TemporaryDirectory directory_;
  Config config_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::KVService::Stub> kv_;
  std::unique_ptr<v1::StorageService::Stub> storage_;
  std::unique_ptr<v1::ClusterService::Stub> cluster_;
};

}  // namespace firn::server
