// SPDX-License-Identifier: Apache-2.0
#include "server/write_demand.h"

#include <gtest/gtest.h>

#include "storage/wal/operations.h"

namespace firn::server {
namespace {

Limits SmallLimits() {
  Limits limits;
  limits.key_bytes_max = 8;
  limits.value_bytes_max = 16;
  limits.batch_operations_max = 3;
  limits.batch_bytes_max = 64;
  return limits;
}

std::string TextOf(const Demand& demand) {
  const auto* refusal = std::get_if<Refusal>(&demand);
  return refusal == nullptr ? "" : refusal->text;
}

std::vector<std::string> OperationsOf(const Demand& demand) {
  std::vector<std::string> shown;
  VisitOperations(std::get<WriteDemand>(demand).operations,
                  [&](const BatchOperation& operation) -> Result<void> {
                    shown.push_back(std::string(operation.kind == Kind::kPut ? "put " : "del ") +
                                    std::string(operation.key) + " " +
                                    std::string(operation.value));
                    return {};
                  })
      .value();
  return shown;
}

TEST(WriteDemand, OfAPutIsOneOperation) {
  v1::PutRequest request;
  request.set_key("k");
  request.set_value("v");
  const Demand demand = DemandOf(request, SmallLimits());
  EXPECT_EQ(OperationsOf(demand), std::vector<std::string>{"put k v"});
  EXPECT_EQ(std::get<WriteDemand>(demand).tag, RequestTag{});
}

TEST(WriteDemand, RefusesKeysThatNobodyMayUse) {
  v1::PutRequest request;
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())), "the key is empty: it needs a byte at least");
  request.set_key("nine byte");
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())), "key of 9 bytes: at most 8");
  request.set_key("\xff\xff\xff\xff");
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("ff ff ff ff"), std::string::npos);
  request.set_key("\xff\xff\xff");
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())), "");
}

TEST(WriteDemand, RefusesValuesAboveTheLimit) {
  v1::PutRequest request;
  request.set_key("k");
  request.set_value(std::string(16, 'v'));
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())), "");
  request.set_value(std::string(17, 'v'));
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())),
            "value of 17 bytes: at most 16 here; split it");
}

TEST(WriteDemand, TakesBothHalvesOfARequestIdOrNone) {
  v1::DeleteRequest request;
  request.set_key("k");
  request.mutable_request_id();
  EXPECT_EQ(std::get<WriteDemand>(DemandOf(request, SmallLimits())).tag, RequestTag{});
  request.mutable_request_id()->set_session(5);
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())), "");
  request.mutable_request_id()->set_sequence(9);
  EXPECT_EQ(std::get<WriteDemand>(DemandOf(request, SmallLimits())).tag,
            (RequestTag{.session = 5, .sequence = 9}));
  request.mutable_request_id()->set_session(0);
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())), "");
}

TEST(WriteDemand, OfABatchKeepsTheOrder) {
  v1::BatchWriteRequest request;
  request.add_operations()->mutable_put()->set_key("a");
  request.add_operations()->mutable_delete_()->set_key("b");
  EXPECT_EQ(OperationsOf(DemandOf(request, SmallLimits())),
            (std::vector<std::string>{"put a ", "del b "}));
}

TEST(WriteDemand, RefusesABatchThatIsEmptyOrTooLargeOrHasAHole) {
  v1::BatchWriteRequest request;
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("empty"), std::string::npos);
  request.add_operations()->mutable_delete_()->set_key("a");
  request.add_operations();
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())),
            "operation 1: neither a put nor a delete: set one");
  request.mutable_operations(1)->mutable_put()->set_key("b");
  request.mutable_operations(1)->mutable_put()->set_value(std::string(99, 'v'));
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("split it"), std::string::npos);
  request.mutable_operations(1)->mutable_put()->clear_value();
  request.add_operations()->mutable_delete_()->set_key("c");
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())), "");
  request.add_operations()->mutable_delete_()->set_key("d");
  EXPECT_EQ(TextOf(DemandOf(request, SmallLimits())),
            "batch of 4 operations: at most 3 here; split it");
}

TEST(WriteDemand, OfACompareAndSetNeedsAnExpectationAndAnUpdate) {
  v1::CompareAndSetRequest request;
  request.set_key("k");
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("nothing is expected"),
            std::string::npos);
  request.set_absent(false);
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("absent is false"), std::string::npos);
  request.set_revision(0);
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("revision is 0"), std::string::npos);
  request.set_value("old");
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("no update"), std::string::npos);
  request.set_delete_(false);
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())).find("delete is false"), std::string::npos);
  request.set_delete_(true);
  const Demand demand = DemandOf(request, SmallLimits());
  EXPECT_EQ(OperationsOf(demand), std::vector<std::string>{"del k "});
  const Condition& condition = std::get<WriteDemand>(demand).condition;
  EXPECT_EQ(condition.kind, Condition::Kind::kValue);
  EXPECT_EQ(condition.key, "k");
  EXPECT_EQ(condition.value, "old");
}

TEST(WriteDemand, OfASessionToCloseNamesIt) {
  v1::CloseSessionRequest request;
  EXPECT_NE(TextOf(DemandOf(request, SmallLimits())), "");
  request.set_session(7);
  const Demand demand = DemandOf(request, SmallLimits());
  EXPECT_EQ(std::get<WriteDemand>(demand).AsCommand().kind, Command::Kind::kCloseSession);
  EXPECT_EQ(std::get<WriteDemand>(demand).AsCommand().tag.session, 7U);
}

TEST(Answers, SayWhetherAConditionHeldAndAreOthersMistakes) {
  const Outcome failed{.code = Outcome::Code::kConditionFailed, .revision = 12};
  v1::CompareAndSetResponse compared;
  EXPECT_FALSE(Answer(failed, compared).has_value());
  EXPECT_FALSE(compared.applied());
  EXPECT_EQ(compared.revision(), 12U);
  v1::PutResponse put;
  ASSERT_TRUE(Answer(failed, put).has_value());  // Its request id was a CompareAndSet's.
  EXPECT_EQ(Answer(failed, put)->code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(Answer({.code = Outcome::Code::kApplied, .revision = 13}, put).has_value());
  EXPECT_EQ(put.revision(), 13U);
}

}  // namespace
}  // namespace firn::server
