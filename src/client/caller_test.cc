// SPDX-License-Identifier: Apache-2.0
//
// What a client does for each way in which nodes fail, against scripted nodes and virtual time.
#include "client/caller.h"

#include <gtest/gtest.h>

#include <optional>

#include "client/client.h"
#include "client/testing_surroundings.h"

namespace firn::client {
namespace {

using std::chrono::milliseconds;
using Detail = v1::ErrorDetail;

v1::OpenSessionResponse Session(std::uint64_t id) {
  v1::OpenSessionResponse response;
  response.set_session(id);
  return response;
}

v1::PutResponse Written(std::uint64_t revision) {
  v1::PutResponse response;
  response.set_revision(revision);
  return response;
}

v1::GetResponse Found(const std::string& value) {
  v1::GetResponse response;
  response.set_found(true);
  response.set_value(value);
  return response;
}

class CallerTest : public ::testing::Test {
 protected:
  Client& client() {
    if (!client_) {
      client_ =
          Client::Make(options_,
                       {.transport = transport_, .alarms = alarms_, .clock = clock_, .seed = 1})
              .value();
    }
    return *client_;
  }

  void Script(std::vector<Attempt> attempts) {
    transport_->script.assign(attempts.begin(), attempts.end());
  }
  std::vector<std::string> Asked() const {
    std::vector<std::string> nodes;
    for (const Sending& sending : transport_->sent) {
      nodes.push_back(sending.endpoint);
    }
    return nodes;
  }
  v1::RequestId IdOf(std::size_t sending) const {
    v1::PutRequest request;
    EXPECT_TRUE(request.ParseFromString(transport_->sent[sending].request));
    return request.request_id();
  }
  using Nodes = std::vector<std::string>;

  ClientOptions options_{.endpoints = {"a:1", "b:2", "c:3"}};
  std::shared_ptr<ScriptedTransport> transport_ = std::make_shared<ScriptedTransport>();
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::shared_ptr<JumpingAlarms> alarms_ = std::make_shared<JumpingAlarms>(clock_);
  std::unique_ptr<Client> client_;
};

TEST_F(CallerTest, FollowsTheLeaderAtOnceAndStaysWithIt) {
  Script({FailsBecause(Detail::NOT_LEADER, "x:9"), Answer(Found("1")), Answer(Found("2"))});
  EXPECT_EQ(client().Get("k").value(), "1");
  EXPECT_EQ(client().Get("k").value(), "2");
  EXPECT_EQ(Asked(), (Nodes{"a:1", "x:9", "x:9"}));
  EXPECT_TRUE(alarms_->delays.empty());
  EXPECT_EQ(client().leader(), "x:9");
}

TEST_F(CallerTest, BacksOffWhenNodesNameEachOtherInTurn) {
  std::vector<Attempt> script;
  for (int i = 0; i < 4; ++i) {
    script.push_back(FailsBecause(Detail::NOT_LEADER, i % 2 == 0 ? "x:9" : "y:9"));
  }
  script.push_back(Answer(Found("v")));
  Script(script);
  EXPECT_EQ(client().Get("k").value(), "v");
  EXPECT_EQ(Asked(), (Nodes{"a:1", "x:9", "y:9", "x:9", "y:9"}));
  EXPECT_EQ(alarms_->delays.size(), 1U);
}

TEST_F(CallerTest, AsksTheOthersInTurnWhileThereIsNoLeader) {
  Script({FailsBecause(Detail::NO_LEADER), FailsBecause(Detail::NO_LEADER),
          FailsWith(StatusCode::kUnavailable), FailsBecause(Detail::DRAINING), Answer(Found("v"))});
  EXPECT_EQ(client().Get("k").value(), "v");
  EXPECT_EQ(Asked(), (Nodes{"a:1", "b:2", "c:3", "a:1", "b:2"}));
  ASSERT_EQ(alarms_->delays.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_LE(alarms_->delays[i], milliseconds(20 << i));
  }
}

TEST_F(CallerTest, LeavesALeaderThatDied) {
  Script({FailsBecause(Detail::NOT_LEADER, "x:9"), Answer(Found("1")),
          FailsWith(StatusCode::kUnavailable), Answer(Found("2"))});
  EXPECT_EQ(client().Get("k").value(), "1");
  EXPECT_EQ(client().Get("k").value(), "2");
  EXPECT_EQ(Asked(), (Nodes{"a:1", "x:9", "x:9", "a:1"}));
}

TEST_F(CallerTest, GivesUpWhenTheTimeIsOver) {
  for (int i = 0; i < 1000; ++i) {
    transport_->script.push_back(FailsBecause(Detail::NO_LEADER));
  }
  const Reply<std::optional<std::string>> reply = client().Get("k");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, FailureKind::kUnavailable);
  EXPECT_NE(reply.error().context.find("as scripted"), std::string::npos);
  EXPECT_LE(clock_->Now(), options_.timeout);
  EXPECT_GT(clock_->Now(), options_.timeout - milliseconds(1000));
}

TEST_F(CallerTest, NoAttemptHasMoreTimeThanItsShareOrThanIsLeft) {
  options_.timeout = milliseconds(2'100);
  Script({FailsBecause(Detail::OVERLOADED, "", 1'500), Answer(Found("v"))});
  EXPECT_EQ(client().Get("k").value(), "v");
  EXPECT_EQ(transport_->sent[0].timeout, milliseconds(2'000));
  EXPECT_LE(transport_->sent[1].timeout, milliseconds(600));
}

TEST_F(CallerTest, GivesSlowCallsAllTheTimeThereIs) {
  Script({Answer(v1::TriggerCompactionResponse())});
  EXPECT_TRUE(client().Call(v1::TriggerCompactionRequest(), {.timeout = milliseconds(60'000)}));
  EXPECT_EQ(transport_->sent[0].timeout, milliseconds(60'000));
}

TEST_F(CallerTest, WaitsAsLongAsAnOverloadedNodeAsks) {
  Script({FailsBecause(Detail::OVERLOADED, "", 700), Answer(Found("v"))});
  EXPECT_EQ(client().Get("k").value(), "v");
  EXPECT_EQ(Asked(), (Nodes{"a:1", "a:1"}));
  ASSERT_EQ(alarms_->delays.size(), 1U);
  EXPECT_GE(alarms_->delays[0], milliseconds(700));
}

TEST_F(CallerTest, AHostileHintDoesNotOutlastTheCall) {
  Script({FailsBecause(Detail::OVERLOADED, "", ~std::uint64_t{0})});
  EXPECT_EQ(client().Get("k").error().kind, FailureKind::kUnavailable);
  EXPECT_TRUE(alarms_->delays.empty());
}

TEST_F(CallerTest, SendsAWriteAgainUnderTheSameId) {
  Script({Answer(Session(7)), FailsBecause(Detail::OUTCOME_UNKNOWN),
          FailsWith(StatusCode::kDeadlineExceeded), FailsBecause(Detail::NODE_STOPPED),
          Answer(Written(5)), Answer(Written(6))});
  EXPECT_EQ(client().Put("k", "v").value(), 5U);
  EXPECT_EQ(client().Put("k", "w").value(), 6U);
  ASSERT_EQ(transport_->sent.size(), 6U);
  for (std::size_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(IdOf(i).session(), 7U);
    EXPECT_EQ(IdOf(i).sequence(), 1U);
  }
  EXPECT_EQ(IdOf(5).sequence(), 2U);
}

TEST_F(CallerTest, DoesNotRepeatAWriteWithoutIdThatWasPerhapsDone) {
  options_.has_request_ids = false;
  Script({FailsBecause(Detail::NO_LEADER), FailsBecause(Detail::OUTCOME_UNKNOWN)});
  EXPECT_EQ(client().Put("k", "v").error().kind, FailureKind::kUnknownOutcome);
  EXPECT_EQ(transport_->sent.size(), 2U);
  EXPECT_EQ(IdOf(1).session(), 0U);
}

TEST_F(CallerTest, DoesNotRepeatAMembershipChangeThatWasPerhapsDone) {
  Script({FailsBecause(Detail::NO_LEADER), FailsWith(StatusCode::kUnavailable)});
  v1::RemoveMemberRequest request;
  request.set_node_id(3);
  EXPECT_EQ(client().Call(request).error().kind, FailureKind::kUnknownOutcome);
  EXPECT_EQ(transport_->sent.size(), 2U);
}

TEST_F(CallerTest, OutOfTimeAWriteThatWasPerhapsDoneIsUnknown) {
  Script({Answer(Session(7)), FailsWith(StatusCode::kUnavailable)});
  for (int i = 0; i < 1000; ++i) {
    transport_->script.push_back(FailsBecause(Detail::NO_LEADER));
  }
  EXPECT_EQ(client().Put("k", "v").error().kind, FailureKind::kUnknownOutcome);
}

TEST_F(CallerTest, RenewsAnExpiredSessionIfNothingWasDoneUnderIt) {
  Script({Answer(Session(7)), FailsBecause(Detail::SESSION_EXPIRED), Answer(Session(8)),
          Answer(Written(5))});
  EXPECT_EQ(client().Put("k", "v").value(), 5U);
  EXPECT_EQ(IdOf(3).session(), 8U);
  EXPECT_EQ(IdOf(3).sequence(), 1U);
}

TEST_F(CallerTest, NeverRepeatsUnderANewSessionWhatWasPerhapsDoneUnderTheOld) {
  Script({Answer(Session(7)), FailsWith(StatusCode::kUnavailable),
          FailsBecause(Detail::SESSION_EXPIRED)});
  EXPECT_EQ(client().Put("k", "v").error().kind, FailureKind::kUnknownOutcome);
  Script({Answer(Session(8)), Answer(Written(5))});
  EXPECT_EQ(client().Put("k", "v").value(), 5U);
}

TEST_F(CallerTest, ANodeThatForgetsEverySessionDoesNotSpinForEver) {
  for (std::uint64_t i = 1; i < 2'000; ++i) {
    transport_->script.push_back(Answer(Session(i)));
    transport_->script.push_back(FailsBecause(Detail::SESSION_EXPIRED));
  }
  EXPECT_EQ(client().Put("k", "v").error().kind, FailureKind::kUnavailable);
  EXPECT_LT(transport_->sent.size(), 200U);
}

TEST_F(CallerTest, SaysWhenAResultIsForgotten) {
  Script({Answer(Session(7)), FailsBecause(Detail::RESULT_FORGOTTEN)});
  EXPECT_EQ(client().Put("k", "v").error().kind, FailureKind::kUnknownOutcome);
}

TEST_F(CallerTest, AsksForASessionUntilOneOpens) {
  Script({FailsBecause(Detail::NO_LEADER), FailsWith(StatusCode::kUnavailable), Answer(Session(7)),
          Answer(Written(5))});
  EXPECT_EQ(client().Put("k", "v").value(), 5U);
  EXPECT_EQ(Asked(), (Nodes{"a:1", "b:2", "c:3", "c:3"}));
}

TEST_F(CallerTest, ANodeWithoutSessionsIsReported) {
  Script({FailsWith(StatusCode::kUnimplemented)});
  EXPECT_EQ(client().Put("k", "v").error().kind, FailureKind::kInvalid);
}

TEST_F(CallerTest, GivesUpAtOnceOnWhatCanNeverBe) {
  for (const auto& [code, kind] : {std::pair(StatusCode::kInvalidArgument, FailureKind::kInvalid),
                                   std::pair(StatusCode::kUnauthenticated, FailureKind::kRefused),
                                   std::pair(StatusCode::kDataLoss, FailureKind::kServer)}) {
    Script({FailsWith(code)});
    EXPECT_EQ(client().Get("k").error().kind, kind);
  }
  Script({FailsBecause(Detail::SCAN_EXPIRED)});
  EXPECT_EQ(client().Call(v1::ScanRequest()).error().kind, FailureKind::kScanExpired);
  EXPECT_TRUE(alarms_->delays.empty());
}

TEST_F(CallerTest, AResponseThatMakesNoSenseIsAFailure) {
  Script({{.code = StatusCode::kOk, .response = "\xff\xff"}});
  EXPECT_EQ(client().Get("k").error().kind, FailureKind::kServer);
}

TEST_F(CallerTest, AsksOnlyTheNodeThatIsNamed) {
  Script({FailsBecause(Detail::NO_LEADER), Answer(v1::GetStatusResponse()),
          FailsBecause(Detail::NOT_LEADER, "x:9")});
  EXPECT_TRUE(client().Call(v1::GetStatusRequest(), {.endpoint = "c:3"}));
  EXPECT_EQ(client().Call(v1::GetRequest(), {.endpoint = "c:3"}).error().kind,
            FailureKind::kRefused);
  EXPECT_EQ(Asked(), (Nodes{"c:3", "c:3", "c:3"}));
  EXPECT_EQ(client().leader(), "");
}

TEST_F(CallerTest, LetsNodesForwardOnlyAfterTheLeaderWasOutOfReach) {
  for (int i = 0; i < 4; ++i) {
    transport_->script.push_back(FailsWith(StatusCode::kUnavailable));
  }
  transport_->script.push_back(Answer(Found("v")));
  EXPECT_EQ(client().Get("k").value(), "v");
  std::vector<bool> forwarded;
  for (const Sending& sending : transport_->sent) {
    forwarded.push_back(sending.may_forward);
  }
  EXPECT_EQ(forwarded, (std::vector<bool>{false, false, false, true, true}));
}

TEST_F(CallerTest, ClosingEndsWhatIsUnderWay) {
  std::vector<FailureKind> ends;
  for (int i = 0; i < 2; ++i) {
    v1::PutRequest request;
    request.set_key("k");
    client().Start(request, {}, [&](const Reply<v1::PutResponse>& reply) {
      ends.push_back(reply.error().kind);
    });
  }
  v1::GetRequest request;
  client().Start(request, {},
                 [&](const Reply<v1::GetResponse>& reply) { ends.push_back(reply.error().kind); });
  EXPECT_TRUE(ends.empty());
  client().Close();
  EXPECT_EQ(ends, (std::vector<FailureKind>(3, FailureKind::kClosed)));
  EXPECT_EQ(client().Get("k").error().kind, FailureKind::kClosed);
}

TEST_F(CallerTest, OptionsThatMakeNoSenseAreRefused) {
  for (const char* endpoint : {"", "host", "host:", ":1", "host:12x"}) {
    EXPECT_FALSE(Client::Make({.endpoints = {endpoint}})) << endpoint;
  }
  EXPECT_FALSE(Client::Make({.endpoints = {}}));
  EXPECT_FALSE(Client::Make({.timeout = milliseconds(0)}));
  EXPECT_FALSE(Client::Make({.connections = 0}));
  EXPECT_FALSE(Client::Make({.tls = {.is_on = true, .certificate = "c"}}));
}

}  // namespace
}  // namespace firn::client
