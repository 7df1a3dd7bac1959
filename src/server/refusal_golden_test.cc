// SPDX-License-Identifier: Apache-2.0
//
// The whole table of how calls end, as a document: testdata/refusals.golden.
#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <gtest/gtest.h>

#include "golden/golden.h"
#include "server/refusal.h"
#include "server/rpc_counts.h"

namespace firn::server {
namespace {

std::string Describe(const Refusal& refusal) {
  const grpc::Status status = StatusOf(refusal);
  std::string text(Name(status.error_code()));
  text += "\n  " + status.error_message();
  for (const auto& [name, value] : MetadataOf(refusal)) {
    text += "\n  " + name + ": " + value;
  }
  return text + "\n";
}

std::string DescribeFates(Asked asked, const LeaderHint& leader) {
  std::string text;
  for (const Fate fate : {Fate::kNotLeader, Fate::kOverloaded, Fate::kUnknown, Fate::kStopped,
                          Fate::kTooStale, Fate::kRefused, Fate::kFull}) {
    text += std::string(Name(fate)) + ": " +
            Describe(RefusalOf(fate, asked, leader, "node 4 has to catch up first; ask again"));
  }
  return text;
}

std::string DescribeErrors() {
  std::string text;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kClosed); ++code) {
    text += Describe(RefusalOf(Error{static_cast<ErrorCode>(code), "what happened where"}));
  }
  return text;
}

std::string DescribeOutcomes() {
  std::string text;
  for (const Outcome::Code code : {Outcome::Code::kApplied, Outcome::Code::kConditionFailed,
                                   Outcome::Code::kUnknownSession, Outcome::Code::kForgotten}) {
    const auto refusal = RefusalOf(Outcome{.code = code, .revision = 7});
    text += std::to_string(static_cast<int>(code)) + ": " +
            (refusal ? Describe(*refusal) : std::string("answered\n"));
  }
  return text;
}

std::string DescribeOwn() {
  return Describe(InvalidRequest("the key is empty: it needs a byte at least")) +
         Describe(Overloaded("too many scans are streamed", 1'000)) +
         Describe(ScanExpired("the state at revision 9 is not kept any more")) +
         Describe(Draining()) + Describe(Cancelled());
}

TEST(Refusals, AreAsTheDocumentSays) {
  golden::RunFile(FIRN_TEST_SOURCE_DIR "/testdata/refusals.golden",
                  [](const golden::Command& command) {
                    const LeaderHint leader{.node = {3}, .address = "10.0.0.3:7101"};
                    const bool has_leader = command.Get("leader") == "known";
                    if (command.name == "fates") {
                      const std::string asked = command.Get("asked");
                      return DescribeFates(asked == "write"  ? Asked::kWrite
                                           : asked == "read" ? Asked::kRead
                                                             : Asked::kMembership,
                                           has_leader ? leader : LeaderHint{});
                    }
                    if (command.name == "errors") {
                      return DescribeErrors();
                    }
                    return command.name == "outcomes" ? DescribeOutcomes() : DescribeOwn();
                  });
}

// The bytes are a google.rpc.Status: code, message, one detail.
TEST(Refusals, CarryTheirReasonInTheDetailsOfTheStatus) {
  const Refusal refusal =
      RefusalOf(Fate::kNotLeader, Asked::kWrite, {.node = {3}, .address = "h:1"});
  const std::string bytes = StatusOf(refusal).error_details();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  std::uint32_t code = 0;
  std::uint32_t length = 0;
  std::string message;
  std::string packed;
  ASSERT_EQ(in.ReadTag(), 1U << 3);
  ASSERT_TRUE(in.ReadVarint32(&code));
  EXPECT_EQ(code, static_cast<std::uint32_t>(grpc::StatusCode::FAILED_PRECONDITION));
  ASSERT_EQ(in.ReadTag(), 2U << 3 | 2);
  ASSERT_TRUE(in.ReadVarint32(&length) && in.ReadString(&message, static_cast<int>(length)));
  EXPECT_EQ(message, refusal.text);
  ASSERT_EQ(in.ReadTag(), 3U << 3 | 2);
  ASSERT_TRUE(in.ReadVarint32(&length) && in.ReadString(&packed, static_cast<int>(length)));
  EXPECT_EQ(in.ReadTag(), 0U);
  google::protobuf::Any any;
  v1::ErrorDetail detail;
  ASSERT_TRUE(any.ParseFromString(packed) && any.UnpackTo(&detail));
  EXPECT_EQ(detail.reason(), v1::ErrorDetail::NOT_LEADER);
  EXPECT_EQ(detail.leader_id(), 3U);
  EXPECT_EQ(detail.leader_address(), "h:1");
}

}  // namespace
}  // namespace firn::server
