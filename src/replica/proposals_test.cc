// SPDX-License-Identifier: Apache-2.0
#include "replica/proposals.h"

#include <gtest/gtest.h>

#include "storage/wal/operations.h"

namespace firn {
namespace {

class ProposalsTest : public testing::TestWithParam<bool> {
 protected:
  void Add(int count) {
    for (int i = 0; i < count; ++i) {
      Command command;
      command.operations = operations_;
      proposals_.Add(command, [this](const CommandReply& reply) {
        EXPECT_EQ(reply.fate, Fate::kDone);
        ++answered_;
      });
    }
  }
  // How many were proposed: 0 when no group is due.
  std::size_t ProposeIfDue() {
    if (!proposals_.IsGroupDue()) {
      return 0;
    }
    std::size_t count = 0;
    proposals_.ProposeGroup([&](const std::string& bytes) {
      const GroupHeader header = VisitGroup(bytes, [&count](const Command&) -> Result<void> {
                                   ++count;
                                   return {};
                                 }).value();
      groups_.push_back({.proposal = header.proposal, .outcomes = {}});
      groups_.back().outcomes.resize(count);
      return true;
    });
    return count;
  }
  void ApplyOldest() {
    proposals_.Answer(groups_.front());
    groups_.pop_front();
  }

  std::string operations_ = [] {
    std::string operations;
    EncodePut(operations, "key", "value");
    return operations;
  }();
  Proposals proposals_{
      {.boot = 1, .group_bytes_max = 1 << 20, .waiting_bytes_max = 1 << 20, .gathers = GetParam()}};
  std::deque<StateMachine::Applied> groups_;
  int answered_ = 0;
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutGathering, ProposalsTest, testing::Bool());

TEST_P(ProposalsTest, ACommandAloneNeverWaits) {
  for (int i = 0; i < 10; ++i) {
    Add(1);
    EXPECT_EQ(proposals_.gathering_count(), 0U);
    EXPECT_EQ(ProposeIfDue(), 1U);
    ApplyOldest();
  }
  EXPECT_EQ(answered_, 10);
}

TEST_P(ProposalsTest, AGroupBehindOthersIsAsLargeAsAllOfThem) {
  Add(1);
  EXPECT_EQ(ProposeIfDue(), 1U);
  Add(1);
  EXPECT_EQ(ProposeIfDue(), 1U);
  Add(1);
  EXPECT_EQ(ProposeIfDue(), 0U);
  Add(1);
  EXPECT_EQ(ProposeIfDue(), 2U);
  Add(3);
  EXPECT_EQ(ProposeIfDue(), 0U);
  ApplyOldest();
  EXPECT_EQ(ProposeIfDue(), 3U) << "three are under way";
}

TEST_P(ProposalsTest, WhatWaitsGoesWhenNothingIsUnderWay) {
  Add(5);
  EXPECT_EQ(ProposeIfDue(), 5U);
  Add(4);
  EXPECT_EQ(ProposeIfDue(), 0U);
  ApplyOldest();
  EXPECT_EQ(ProposeIfDue(), 4U);
}

TEST_P(ProposalsTest, TheFirstOfManyWaitsForMostOfThemOrUntilTold) {
  Add(100);
  EXPECT_EQ(ProposeIfDue(), 100U);
  ApplyOldest();
  Add(10);
  EXPECT_EQ(proposals_.gathering_count(), GetParam() ? 65U : 0U);
  if (GetParam()) {
    EXPECT_EQ(ProposeIfDue(), 0U);
    proposals_.EndGathering();
  }
  EXPECT_EQ(ProposeIfDue(), 10U);
  EXPECT_EQ(proposals_.gathering_count(), 0U);
}

TEST_P(ProposalsTest, ManyBytesDoNotWait) {
  Add(100);
  EXPECT_EQ(ProposeIfDue(), 100U);
  operations_.clear();
  EncodePut(operations_, "key", std::string(300 << 10, 'v'));
  Add(1);
  EXPECT_EQ(ProposeIfDue(), 1U);
}

}  // namespace
}  // namespace firn
