// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_server.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/temporary_directory.h"
#include "server/peer/peer_testing.h"

namespace firn::server {
namespace {

constexpr std::chrono::milliseconds kPatience{50};

NodeReport ReportOfALeader() {
  NodeReport report;
  report.version = "0.1.0";
  report.durability = "disk";
  report.identity = {.cluster = 0xC0FFEE, .node = {1}, .directory = 0xD1};
  report.replica.raft = {
      .hard = {.term = {3}, .vote = {1}, .commit = {70}}, .leader = {1}, .role = RaftRole::kLeader};
  report.replica.applied = {69};
  for (const std::uint64_t id : {1u, 2u}) {
    MemberStatus member;
    member.id = {id};
    member.member.client_address = "db" + std::to_string(id) + ":7101";
    member.is_learner = id == 2;
    member.match = {60 + id};
    report.replica.members.push_back(member);
  }
  report.engine.writes = 12;
  report.engine.delay_level0 = std::chrono::milliseconds(1500);
  report.levels.push_back({.level = 0, .tables = {}, .total_bytes = 4096});
  report.peers.emplace();
  ++report.peers->Incoming(firn::Refusal::kOtherCluster);
  ++report.peers->Of(DropCause::kUrgentFull);
  report.rpc.calls[{"firn.v1.KVService/Put", "OK"}] = 5;
  return report;
}

bool Has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(MetricsPage, TellsWhatIsCounted) {
  const std::string page = RenderMetrics(ReportOfALeader());
  for (const char* line :
       {"firn_ready 1", "firn_raft_leader 1", "firn_raft_term 3", "firn_raft_commit_index 70",
        "firn_raft_members{kind=\"learner\"} 1", "firn_raft_member_match_index{member=\"2\"} 62",
        "firn_engine_writes_total 12",
        "firn_engine_write_delay_seconds_total{cause=\"level0\"} 1.5",
        "firn_engine_level_bytes{level=\"0\"} 4096",
        "firn_peer_refused_handshakes_total{direction=\"incoming\",cause=\"other_cluster\"} 1",
        "firn_peer_refused_handshakes_total{direction=\"outgoing\",cause=\"unreachable\"} 0",
        "firn_peer_dropped_messages_total{cause=\"urgent_full\"} 1",
        "firn_client_calls_total{method=\"firn.v1.KVService/Put\",status=\"OK\"} 5"}) {
    EXPECT_TRUE(Has(page, line)) << line << "\n" << page;
  }
}

TEST(MetricsPage, IsAsPrometheusWantsIt) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is in Debian's package prometheus";
  }
  const TemporaryDirectory directory;
  for (const bool is_full : {true, false}) {
    const std::string page = directory / "metrics";
    std::ofstream(page) << RenderMetrics(is_full ? ReportOfALeader() : NodeReport{});
    EXPECT_EQ(std::system(("promtool check metrics <" + page).c_str()), 0);
  }
}

TEST(StatusPage, IsJsonThatSaysWhereTheNodeStands) {
  const auto status = nlohmann::json::parse(RenderStatus(ReportOfALeader()));
  EXPECT_EQ(status["cluster"], "0000000000c0ffee");
  EXPECT_EQ(status["role"], "leader");
  EXPECT_EQ(status["applied"], 69);
  EXPECT_EQ(status["is_ready"], true);
  EXPECT_EQ(status["members"][1]["client_address"], "db2:7101");
  EXPECT_EQ(status["members"][1]["is_learner"], true);
  EXPECT_EQ(status["levels"][0]["total_bytes"], 4096);
  EXPECT_TRUE(status["failure"].is_null());

  NodeReport failed;
  failed.replica.failure = Error{ErrorCode::kCorruption, "a \"quoted\"\nreason"};
  EXPECT_EQ(nlohmann::json::parse(RenderStatus(failed))["failure"],
            "corruption: a \"quoted\"\nreason");
}

// The whole answer to a request, head and body.
std::string Ask(const HttpServer& server, const std::string& request) {
  const RawSocket socket = RawSocket::Connect(server.address());
  EXPECT_TRUE(socket.Write(request));
  std::string answer;
  for (std::string byte = socket.Read(1); !byte.empty(); byte = socket.Read(1)) {
    answer += byte;
  }
  return answer;
}
std::string Get(const HttpServer& server, const std::string& page) {
  return Ask(server, "GET " + page + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

class HttpServerTest : public testing::Test {
 protected:
  void Set(const NodeReport& report) {
    MutexLock lock(mutex_);
    report_ = report;
  }

  Mutex mutex_;
  NodeReport report_ FIRN_GUARDED_BY(mutex_) = ReportOfALeader();
  std::unique_ptr<HttpServer> server_ = HttpServer::Start({.listen = "127.0.0.1:0",
                                                           .report =
                                                               [this] {
                                                                 MutexLock lock(mutex_);
                                                                 return report_;
                                                               },
                                                           .patience = kPatience})
                                            .value();
};

TEST_F(HttpServerTest, ServesItsPages) {
  EXPECT_TRUE(Get(*server_, "/").starts_with("HTTP/1.1 200"));
  EXPECT_NE(Get(*server_, "/metrics").find("firn_raft_term 3"), std::string::npos);
  EXPECT_NE(Get(*server_, "/api/v1/status").find("\"role\": \"leader\""), std::string::npos);
  EXPECT_TRUE(Get(*server_, "/livez").ends_with("\r\n\r\nok\n"));
  EXPECT_TRUE(Get(*server_, "/readyz").ends_with("\r\n\r\nok\n"));
  EXPECT_TRUE(Get(*server_, "/etc/passwd").starts_with("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, SaysWhenANodeIsNotReady) {
  NodeReport report = ReportOfALeader();
  report.is_draining = true;
  Set(report);
  EXPECT_TRUE(Get(*server_, "/readyz").starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 200"));
  report.is_draining = false;
  report.replica.raft.leader = {};
  Set(report);
  EXPECT_TRUE(Get(*server_, "/readyz").ends_with("no leader is known\n"));
  report.replica.failure = Error{ErrorCode::kIo, "sync failed"};
  Set(report);
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(Get(*server_, "/readyz").starts_with("HTTP/1.1 503"));
}

TEST_F(HttpServerTest, AnswersGarbageAndGoesOn) {
  EXPECT_FALSE(Ask(*server_, "garbage\r\n\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_FALSE(Ask(*server_,
                   "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n"
                   "\r\n")
                   .starts_with("HTTP/1.1 200"));
  EXPECT_FALSE(Ask(*server_, "GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n")
                   .starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, OutlivesMoreConnectionsThanItTakes) {
  {
    std::vector<RawSocket> crowd;
    for (int i = 0; i < 20; ++i) {
      crowd.push_back(RawSocket::Connect(server_->address()));
    }
  }
  EXPECT_TRUE(Get(*server_, "/livez").starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, RefusesAddressesThatItCannotHave) {
  const auto code = [](const std::string& listen) {
    return HttpServer::Start(
               {.listen = listen, .report = [] { return NodeReport{}; }, .patience = kPatience})
        .error()
        .code;
  };
  EXPECT_EQ(code("nowhere"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(server_->address()), ErrorCode::kIo);
}

}  // namespace
}  // namespace firn::server
