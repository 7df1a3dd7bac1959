// SPDX-License-Identifier: Apache-2.0
//
// What gRPC's own tools ask a server for: its health, and what its services are.
#include <grpcpp/generic/generic_stub.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/server_testing.h"

namespace firn::server {
namespace {

namespace health = grpc::health::v1;
using Status = health::HealthCheckResponse;

class HealthTest : public ServerTest {
 protected:
  HealthTest() {
    Start();
    health_ = health::Health::NewStub(channel_);
  }
  static health::HealthCheckRequest Of(const std::string& service) {
    health::HealthCheckRequest request;
    request.set_service(service);
    return request;
  }
  void AwaitServing() {
    Await([&] {
      grpc::ClientContext context;
      Status response;
      EXPECT_TRUE(health_->Check(&context, Of(""), &response).ok());
      return response.status() == Status::SERVING;
    });
  }

  std::unique_ptr<health::Health::Stub> health_;
};

TEST_F(HealthTest, AServerIsHealthyOnceItHasALeader) {
  AwaitServing();
  for (const char* service : {"firn.v1.KVService", "firn.v1.StorageService"}) {
    grpc::ClientContext context;
    Status response;
    ASSERT_TRUE(health_->Check(&context, Of(service), &response).ok());
    EXPECT_EQ(response.status(), Status::SERVING) << service;
  }
  grpc::ClientContext context;
  Status response;
  EXPECT_EQ(health_->Check(&context, Of("nobody's"), &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthTest, WhoWatchesHearsThatTheServerDrains) {
  AwaitServing();
  grpc::ClientContext context;
  const auto watch = health_->Watch(&context, Of("firn.v1.KVService"));
  Status response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), Status::SERVING);
  server_->Drain().value();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), Status::NOT_SERVING);
  server_.reset();
  EXPECT_FALSE(watch->Read(&response));
}

TEST_F(HealthTest, WhoWatchesWhatIsNotThereIsToldSo) {
  grpc::ClientContext context;
  const auto watch = health_->Watch(&context, Of("nobody's"));
  Status response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), Status::SERVICE_UNKNOWN);
  context.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// Its messages have no header here; this is ServerReflectionRequest{list_services: "*"}.
TEST_F(HealthTest, ReflectionListsTheServices) {
  const std::string bytes = "\x3a\x01*";
  grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto happened = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(happened());
  call->Write(request, nullptr);
  ASSERT_TRUE(happened());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(happened());
  call->WritesDone(nullptr);
  ASSERT_TRUE(happened());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(happened());
  EXPECT_TRUE(status.ok()) << status.error_message();
  grpc::Slice whole;
  ASSERT_TRUE(response.DumpToSingleSlice(&whole).ok());
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  for (const char* service : {"firn.v1.KVService", "firn.v1.StorageService",
                              "firn.v1.ClusterService", "grpc.health.v1.Health"}) {
    EXPECT_NE(text.find(service), std::string::npos) << service;
  }
}

}  // namespace
}  // namespace firn::server
