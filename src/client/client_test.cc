// SPDX-License-Identifier: Apache-2.0
//
// The client over real gRPC, against a service of this process that answers as a script says.
#include "client/client.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <thread>

#include "base/mutex.h"
#include "base/propagate.h"
#include "client/grpc_transport.h"
#include "firn/v1/kv.grpc.pb.h"

namespace firn::client {
namespace {

using std::chrono::milliseconds;
using Detail = v1::ErrorDetail;

struct Scripted {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::map<std::string, std::string> trailers;
};

// A node that fails as scripted and then does as it is told, once for each id.
class FakeNode final : public v1::KVService::Service {
 public:
  FakeNode() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeNode() override { Stop(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Stop() {
    if (server_) {
      server_->Shutdown();
      server_->Wait();
      server_.reset();
    }
  }
  void Fail(Scripted scripted) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    script_.push_back(std::move(scripted));
  }
  // Blocks until every scripted failure was answered with.
  void AwaitScriptEnd() FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!script_.empty()) {
      script_ended_.Wait(mutex_);
    }
  }
  std::uint64_t applied() const FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return revision_;
  }

  grpc::Status OpenSession(grpc::ServerContext* context, const v1::OpenSessionRequest*,
                           v1::OpenSessionResponse* response) override {
    response->set_session(77);
    return NextStatus(*context);
  }

  // A failure "after" it was applied tells the client nothing of it.
  grpc::Status Put(grpc::ServerContext* context, const v1::PutRequest* request,
                   v1::PutResponse* response) override {
    {
      const MutexLock lock(mutex_);
      std::uint64_t& revision = results_[request->request_id().sequence()];
      revision = revision == 0 ? ++revision_ : revision;
      value_ = request->value();
      response->set_revision(revision);
    }
    return NextStatus(*context);
  }

  // The script decides how it ends, and a silent one never does.
  grpc::Status ScanStream(grpc::ServerContext* context, const v1::ScanRequest* request,
                          grpc::ServerWriter<v1::ScanResponse>* writer) override {
    for (int page = 0; page < kPages; ++page) {
      v1::ScanResponse response;
      for (int entry = 0; entry < 10; ++entry) {
        response.add_entries()->set_key("k" + std::to_string(page * 10 + entry));
        response.mutable_entries(entry)->set_value(std::string(10'000, 'v'));
      }
      if (!writer->Write(response)) {
        return grpc::Status::CANCELLED;
      }
    }
    if (request->start() == "silence") {
      AwaitCancellation(*context);
      return grpc::Status::CANCELLED;
    }
    return NextStatus(*context);
  }
  static constexpr int kPages = 30;

  grpc::Status Get(grpc::ServerContext* context, const v1::GetRequest* request,
                   v1::GetResponse* response) override {
    if (request->key() == "silence") {
      AwaitCancellation(*context);
      return grpc::Status::CANCELLED;
    }
    const MutexLock lock(mutex_);
    response->set_found(!value_.empty());
    response->set_value(value_);
    return grpc::Status::OK;
  }

 private:
  void AwaitCancellation(grpc::ServerContext& context) FIRN_EXCLUDES(mutex_) {
    while (!context.IsCancelled()) {
      const MutexLock lock(mutex_);
      cancelled_.WaitFor(mutex_, milliseconds(1));
    }
  }
  grpc::Status NextStatus(grpc::ServerContext& context) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (script_.empty()) {
      return grpc::Status::OK;
    }
    const Scripted scripted = script_.front();
    script_.pop_front();
    script_ended_.NotifyAll();
    for (const auto& [name, value] : scripted.trailers) {
      context.AddTrailingMetadata(name, value);
    }
    return {scripted.code, scripted.code == grpc::StatusCode::OK ? "" : "as scripted"};
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable Mutex mutex_;
  ConditionVariable cancelled_;
  ConditionVariable script_ended_;
  std::deque<Scripted> script_ FIRN_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::uint64_t> results_ FIRN_GUARDED_BY(mutex_);
  std::uint64_t revision_ FIRN_GUARDED_BY(mutex_) = 0;
  std::string value_ FIRN_GUARDED_BY(mutex_);
};

TEST(ClientOverGrpc, PutsAndGets) {
  FakeNode node;
  const auto client = Client::Make({.endpoints = {node.address()}}).value();
  EXPECT_EQ(client->Get("k").value(), std::nullopt);
  const std::string value("\0\xff v", 4);
  EXPECT_EQ(client->Put("k", value).value(), 1U);
  EXPECT_EQ(client->Get("k").value(), value);
}

TEST(ClientOverGrpc, ReadsTheReasonFromTheTrailers) {
  FakeNode leader;
  FakeNode follower;
  follower.Fail({.code = grpc::StatusCode::FAILED_PRECONDITION,
                 .trailers = {{"firn-reason", "NOT_LEADER"}, {"firn-leader", leader.address()}}});
  const auto client = Client::Make({.endpoints = {follower.address()}}).value();
  EXPECT_EQ(client->Put("k", "v").value(), 1U);
  EXPECT_EQ(leader.applied(), 1U);
  EXPECT_EQ(follower.applied(), 0U);
  EXPECT_EQ(client->leader(), leader.address());
}

TEST(ClientOverGrpc, TrailersThatMakeNoSenseDoNoHarm) {
  FakeNode node;
  node.Fail({.code = grpc::StatusCode::FAILED_PRECONDITION,
             .trailers = {{"firn-reason", "WORSE_THAN_EVER"},
                          {"firn-leader-id", "-1"},
                          {"firn-retry-after-ms", "soon"}}});
  const auto client = Client::Make({.endpoints = {node.address()}}).value();
  EXPECT_EQ(client->Put("k", "v").error().kind, FailureKind::kRefused);
}

TEST(ClientOverGrpc, AWriteWhoseAnswerIsLostIsAppliedOnce) {
  FakeNode node;
  const auto client = Client::Make({.endpoints = {node.address()}}).value();
  EXPECT_EQ(client->Put("k", "v").value(), 1U);
  for (int i = 0; i < 3; ++i) {
    node.Fail({.code = grpc::StatusCode::UNAVAILABLE, .trailers = {}});
  }
  EXPECT_EQ(client->Put("k", "w").value(), 2U);
  EXPECT_EQ(node.applied(), 2U);
}

TEST(ClientOverGrpc, GoesOnWithTheOthersWhenANodeIsDead) {
  auto dead = std::make_unique<FakeNode>();
  const std::string address = dead->address();
  dead.reset();
  FakeNode node;
  const auto client = Client::Make({.endpoints = {address, node.address()}}).value();
  EXPECT_EQ(client->Put("k", "v").value(), 1U);
}

TEST(ClientOverGrpc, ASilentNodeCostsOneAttempt) {
  FakeNode node;
  const auto client = Client::Make({.endpoints = {node.address()},
                                    .timeout = milliseconds(60),
                                    .attempt_timeout = milliseconds(20)})
                          .value();
  EXPECT_EQ(client->Get("silence").error().kind, FailureKind::kUnavailable);
}

TEST(ClientOverGrpc, DestructionEndsCallsThatNobodyAnswers) {
  FakeNode node;
  auto client =
      Client::Make({.endpoints = {node.address()}, .attempt_timeout = milliseconds(600'000)})
          .value();
  Mutex mutex;
  std::vector<FailureKind> ends;
  for (int i = 0; i < 3; ++i) {
    v1::GetRequest request;
    request.set_key("silence");
    client->Start(request, {.timeout = milliseconds(600'000)},
                  [&](const Reply<v1::GetResponse>& reply) {
                    const MutexLock lock(mutex);
                    ends.push_back(reply.error().kind);
                  });
  }
  client.reset();
  EXPECT_EQ(ends, (std::vector<FailureKind>(3, FailureKind::kClosed)));
}

// The last thing that a call lets go of is a channel, which gRPC's own threads must not end.
TEST(ClientOverGrpc, EndsAsSoonAsACallHasEnded) {
  FakeNode node;
  for (int i = 0; i < 100; ++i) {
    const auto client = Client::Make({.endpoints = {node.address()}}).value();
    EXPECT_TRUE(client->Get("k"));
  }
}

TEST(ClientOverGrpc, EndsWhileACallWaitsToBeSentAgain) {
  FakeNode node;
  for (int i = 0; i < 20; ++i) {
    node.Fail({.code = grpc::StatusCode::RESOURCE_EXHAUSTED,
               .trailers = {{"firn-reason", "OVERLOADED"}, {"firn-retry-after-ms", "60000"}}});
    std::optional<FailureKind> end;
    auto client = Client::Make({.endpoints = {node.address()}, .has_request_ids = false}).value();
    v1::PutRequest request;
    client->Start(request, {.timeout = milliseconds(600'000)},
                  [&](const Reply<v1::PutResponse>& reply) { end = reply.error().kind; });
    node.AwaitScriptEnd();
    client.reset();
    // The second when the refusal had not arrived yet.
    EXPECT_TRUE(end == FailureKind::kClosed || end == FailureKind::kUnknownOutcome);
  }
}

Reply<std::uint64_t> Count(ScanStream& stream) {
  std::uint64_t count = 0;
  while (true) {
    FIRN_TRY_ASSIGN(const std::optional<v1::KeyValue> entry, stream.Next());
    if (!entry) {
      return count;
    }
    EXPECT_EQ(entry->key(), "k" + std::to_string(count++));
  }
}

TEST(ClientOverGrpc, StreamsAScan) {
  FakeNode node;
  const auto client = Client::Make({.endpoints = {node.address()}}).value();
  ScanStream stream = client->ScanStream({});
  EXPECT_EQ(Count(stream).value(), FakeNode::kPages * 10U);
  EXPECT_EQ(Count(stream).value(), 0U);
  node.Fail({.code = grpc::StatusCode::UNAVAILABLE, .trailers = {{"firn-reason", "DRAINING"}}});
  ScanStream breaks = client->ScanStream({});
  EXPECT_EQ(Count(breaks).error().kind, FailureKind::kScanExpired);
}

TEST(ClientOverGrpc, AStreamThatFallsSilentCostsOneTimeout) {
  FakeNode node;
  const auto client = Client::Make({.endpoints = {node.address()}}).value();
  v1::ScanRequest request;
  request.set_start("silence");
  ScanStream stream = client->ScanStream(request, {.timeout = milliseconds(50)});
  const Reply<std::uint64_t> count = Count(stream);
  EXPECT_EQ(count.error().kind, FailureKind::kScanExpired);
  EXPECT_NE(count.error().context.find("nothing came in time"), std::string::npos);
}

TEST(ClientOverGrpc, AStreamIsGivenUpInTheMiddle) {
  FakeNode node;
  for (int i = 0; i < 20; ++i) {
    auto client = Client::Make({.endpoints = {node.address()}}).value();
    ScanStream taken = client->ScanStream({});
    for (int entry = 0; entry < i; ++entry) {
      EXPECT_TRUE(taken.Next().value());
    }
    ScanStream never_taken = client->ScanStream({});
    if (i % 2 == 0) {
      client.reset();
    }
  }
}

TEST(ClientOverGrpc, ClosingEndsAStreamThatWaits) {
  FakeNode node;
  const auto client = Client::Make({.endpoints = {node.address()}}).value();
  v1::ScanRequest request;
  request.set_start("silence");
  ScanStream stream = client->ScanStream(request, {.timeout = milliseconds(600'000)});
  for (int entry = 0; entry < FakeNode::kPages * 10; ++entry) {
    EXPECT_TRUE(stream.Next().value());
  }
  std::thread closer([&] { client->Close(); });
  EXPECT_EQ(stream.Next().error().kind, FailureKind::kClosed);
  closer.join();
}

TEST(ClientOverGrpc, ManyWritesAtOnceHaveIdsOfTheirOwn) {
  constexpr int kWrites = 2'000;  // More than the window of a session.
  FakeNode node;
  struct Tally {
    Mutex mutex;
    ConditionVariable changed;
    int done FIRN_GUARDED_BY(mutex) = 0;
  } tally;
  {
    const auto client = Client::Make({.endpoints = {node.address()}, .connections = 2}).value();
    for (int i = 0; i < kWrites; ++i) {
      v1::PutRequest request;
      request.set_key("k");
      request.set_value("v");
      client->Start(request, {.timeout = milliseconds(120'000)},
                    [&](const Reply<v1::PutResponse>& reply) {
                      const MutexLock lock(tally.mutex);
                      tally.done += reply.has_value() ? 1 : 0;
                      tally.changed.NotifyOne();
                    });
    }
    const MutexLock lock(tally.mutex);
    while (tally.done < kWrites) {
      tally.changed.Wait(tally.mutex);
    }
  }
  EXPECT_EQ(node.applied(), kWrites);
}

}  // namespace
}  // namespace firn::client
