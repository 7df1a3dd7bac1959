// SPDX-License-Identifier: Apache-2.0
#include "server/server_testing.h"

namespace firn::server {
namespace {

using grpc::StatusCode;

class KvServiceTest : public ServerTest {
 protected:
  // Of one call that fails; reason and text follow in `reason_` and `text_`.
  template <typename Request, typename Response>
  StatusCode CodeOf(grpc::Status (v1::KVService::Stub::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    const grpc::Status status = ((*kv_).*method)(&context, request, response);
    reason_ = ReasonOf(context);
    text_ = status.error_message();
    return status.error_code();
  }

  v1::CompareAndSetResponse CompareAndSet(const v1::CompareAndSetRequest& request) {
    v1::CompareAndSetResponse response;
    EXPECT_EQ(CodeOf(&v1::KVService::Stub::CompareAndSet, request, &response), StatusCode::OK)
        << text_;
    return response;
  }

  std::string reason_;
  std::string text_;
};

TEST_F(KvServiceTest, WhatIsPutIsGotWithItsRevision) {
  Start();
  const std::uint64_t revision = Put("hello", "world").revision();
  EXPECT_GT(revision, 0U);
  const v1::GetResponse got = Get("hello");
  EXPECT_TRUE(got.found());
  EXPECT_EQ(got.value(), "world");
  EXPECT_EQ(got.revision(), revision);
  EXPECT_FALSE(Get("nobody").found());
}

TEST_F(KvServiceTest, KeysAndValuesAreAnyBytes) {
  Start();
  const std::string key("\0\xff\x80 key", 8);
  Put(key, std::string("\0\0", 2));
  EXPECT_EQ(Get(key).value(), std::string("\0\0", 2));
  Put("empty", "");
  EXPECT_TRUE(Get("empty").found());
}

TEST_F(KvServiceTest, ADeletedKeyIsGone) {
  Start();
  Put("k", "v");
  v1::DeleteRequest request;
  request.set_key("k");
  v1::DeleteResponse response;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Delete, request, &response), StatusCode::OK) << text_;
  EXPECT_GT(response.revision(), 0U);
  EXPECT_FALSE(Get("k").found());
}

TEST_F(KvServiceTest, ABatchIsWrittenWhole) {
  Start();
  Put("b", "old");
  v1::BatchWriteRequest request;
  for (const char* key : {"a", "c"}) {
    auto& put = *request.add_operations()->mutable_put();
    put.set_key(key);
    put.set_value("new");
  }
  request.add_operations()->mutable_delete_()->set_key("b");
  v1::BatchWriteResponse response;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::BatchWrite, request, &response), StatusCode::OK) << text_;
  EXPECT_EQ(Get("a").value(), "new");
  EXPECT_FALSE(Get("b").found());
  EXPECT_EQ(Get("c").revision() + 1, response.revision());
}

TEST_F(KvServiceTest, CompareAndSetChangesWhatIsAsExpected) {
  Start();
  Put("other", "x");
  v1::CompareAndSetRequest request;
  request.set_key("k");
  request.set_absent(true);
  request.set_new_value("1");
  const v1::CompareAndSetResponse made = CompareAndSet(request);
  EXPECT_TRUE(made.applied());
  EXPECT_FALSE(CompareAndSet(request).applied());
  request.set_revision(made.revision());
  request.set_new_value("2");
  EXPECT_TRUE(CompareAndSet(request).applied());
  EXPECT_FALSE(CompareAndSet(request).applied());
  request.set_value("2");
  request.set_delete_(true);
  EXPECT_TRUE(CompareAndSet(request).applied());
  EXPECT_FALSE(Get("k").found());
}

TEST_F(KvServiceTest, ARequestThatIsRepeatedInItsSessionIsAppliedOnce) {
  Start();
  Put("warm", "up");
  v1::OpenSessionResponse session;
  ASSERT_EQ(CodeOf(&v1::KVService::Stub::OpenSession, v1::OpenSessionRequest(), &session),
            StatusCode::OK)
      << text_;
  v1::PutRequest request;
  request.set_key("k");
  request.set_value("first");
  request.mutable_request_id()->set_session(session.session());
  request.mutable_request_id()->set_sequence(1);
  v1::PutResponse first;
  v1::PutResponse again;
  ASSERT_EQ(CodeOf(&v1::KVService::Stub::Put, request, &first), StatusCode::OK);
  Put("k", "between");
  ASSERT_EQ(CodeOf(&v1::KVService::Stub::Put, request, &again), StatusCode::OK);
  EXPECT_EQ(first.revision(), again.revision());
  EXPECT_EQ(Get("k").value(), "between");

  v1::CloseSessionRequest close;
  close.set_session(session.session());
  v1::CloseSessionResponse closed;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::CloseSession, close, &closed), StatusCode::OK);
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Put, request, &again), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(reason_, "SESSION_EXPIRED");
}

TEST_F(KvServiceTest, RequestsThatMakeNoSenseAreRefused) {
  Start();
  Put("warm", "up");
  v1::GetResponse got;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Get, v1::GetRequest(), &got),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(text_, "the key is empty: it needs a byte at least");
  v1::GetRequest reserved;
  reserved.set_key("\xff\xff\xff\xffsession");
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Get, reserved, &got), StatusCode::INVALID_ARGUMENT);
  v1::PutRequest large;
  large.set_key("k");
  large.set_value(std::string(config_.limits.value_bytes_max + 1, 'v'));
  v1::PutResponse put;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Put, large, &put), StatusCode::INVALID_ARGUMENT);
}

TEST_F(KvServiceTest, AMessageAboveAllLimitsIsNotEvenReceived) {
  Start();
  Put("warm", "up");
  v1::PutRequest request;
  request.set_key("k");
  request.set_value(std::string(config_.limits.MessageBytesMax() + 1, 'v'));
  v1::PutResponse response;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Put, request, &response), StatusCode::RESOURCE_EXHAUSTED);
  Put("k", "still there");
  EXPECT_EQ(Get("k").value(), "still there");
}

TEST_F(KvServiceTest, MetadataAboveTheLimitAreRefused) {
  Start();
  Put("warm", "up");
  v1::GetRequest request;
  request.set_key("k");
  v1::GetResponse response;
  grpc::ClientContext context;
  context.AddMetadata("ballast", std::string(4 * config_.limits.metadata_bytes_max, 'x'));
  EXPECT_EQ(kv_->Get(&context, request, &response).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  // gRPC may end the connection with the call; then another one is made.
  StatusCode next = StatusCode::UNAVAILABLE;
  for (int attempt = 0; attempt < 10 && next == StatusCode::UNAVAILABLE; ++attempt) {
    next = CodeOf(&v1::KVService::Stub::Get, request, &response);
  }
  EXPECT_EQ(next, StatusCode::OK) << text_;
  EXPECT_FALSE(response.found());
}

TEST_F(KvServiceTest, AStaleReadIsAnsweredByANodeThatLeads) {
  Start();
  Put("k", "v");
  v1::GetRequest request;
  request.set_key("k");
  request.mutable_consistency()->mutable_stale()->set_max_age_ms(10'000);
  v1::GetResponse response;
  EXPECT_EQ(CodeOf(&v1::KVService::Stub::Get, request, &response), StatusCode::OK) << text_;
  EXPECT_EQ(response.value(), "v");
}

TEST_F(KvServiceTest, CallsThatAreCancelledOrTooLateEndAndHarmNobody) {
  Start();
  Put("warm", "up");
  v1::PutRequest request;
  request.set_key("k");
  request.set_value("v");
  for (int i = 0; i < 200; ++i) {
    v1::PutResponse response;
    grpc::ClientContext context;
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_micros(50 * (i % 20), GPR_TIMESPAN)));
    const StatusCode code = kv_->Put(&context, request, &response).error_code();
    EXPECT_TRUE(code == StatusCode::OK || code == StatusCode::DEADLINE_EXCEEDED) << code;
  }
  Put("k", "last");
  EXPECT_EQ(Get("k").value(), "last");
}

TEST_F(KvServiceTest, EverythingAcknowledgedIsThereAfterARestart) {
  Start();
  for (int i = 0; i < 100; ++i) {
    Put("key" + std::to_string(i), "value");
  }
  server_.reset();
  Start();
  Put("warm", "up");
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(Get("key" + std::to_string(i)).found()) << i;
  }
}

}  // namespace
}  // namespace firn::server
