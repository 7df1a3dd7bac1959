// SPDX-License-Identifier: Apache-2.0
#include "server/operator_demand.h"

#include <gtest/gtest.h>

namespace firn::server {
namespace {

v1::AddMemberRequest Joiner() {
  v1::AddMemberRequest request;
  request.set_peer_address("node4:7201");
  request.set_client_address("[::1]:7101");
  request.set_directory_id("0123456789abcdef");
  return request;
}

TEST(OperatorDemand, OfANewMemberNamesItAsItIsKnown) {
  v1::AddMemberRequest request = Joiner();
  request.set_node_id(7);
  const auto demand = std::get<MembershipRequest>(DemandOf(request, {}));
  EXPECT_EQ(demand.kind, MembershipRequest::Kind::kAdd);
  EXPECT_EQ(demand.node, NodeId{7});
  EXPECT_EQ(demand.member, (Member{"0123456789abcdef", "node4:7201", "[::1]:7101"}));
}

TEST(OperatorDemand, RefusesWhatIsNoAddress) {
  for (const std::string& address :
       {std::string(), std::string(":1"), std::string("a:"), std::string("a"), std::string("a:b"),
        std::string("a:123456"), std::string("a b:1"), std::string("\0:1", 3),
        std::string(300, 'a') + ":1"}) {
    v1::AddMemberRequest request = Joiner();
    request.set_peer_address(address);
    const auto demand = DemandOf(request, {});
    ASSERT_TRUE(std::holds_alternative<Refusal>(demand)) << address;
    EXPECT_EQ(std::get<Refusal>(demand).code, grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST(OperatorDemand, RefusesWhatIsNoDirectory) {
  for (const char* id : {"", "0123456789abcde", "0123456789abcdefa", "0123456789ABCDEF"}) {
    v1::AddMemberRequest request = Joiner();
    request.set_directory_id(id);
    EXPECT_TRUE(std::holds_alternative<Refusal>(DemandOf(request, {}))) << id;
  }
}

TEST(OperatorDemand, AboutNobodyIsRefused) {
  v1::RemoveMemberRequest removal;
  EXPECT_TRUE(std::holds_alternative<Refusal>(DemandOf(removal)));
  removal.set_node_id(3);
  EXPECT_EQ(std::get<MembershipRequest>(DemandOf(removal)).node, NodeId{3});
  v1::PromoteMemberRequest promotion;
  EXPECT_TRUE(std::holds_alternative<Refusal>(DemandOf(promotion)));
  promotion.set_node_id(3);
  EXPECT_EQ(std::get<MembershipRequest>(DemandOf(promotion)).kind,
            MembershipRequest::Kind::kPromote);
}

TEST(OperatorDemand, CompactsNoLevelThatHasNoneBelow) {
  v1::TriggerCompactionRequest request;
  request.set_level(5);
  EXPECT_EQ(std::get<CompactionDemand>(DemandOf(request)).level, 5);
  for (const std::uint32_t level : {6U, 7U, 0xffffffffU}) {
    request.set_level(level);
    EXPECT_TRUE(std::holds_alternative<Refusal>(DemandOf(request))) << level;
  }
}

}  // namespace
}  // namespace firn::server
