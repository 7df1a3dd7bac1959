// SPDX-License-Identifier: Apache-2.0
#include "client/sessions.h"

#include <gtest/gtest.h>

namespace firn::client {
namespace {

class SessionsTest : public ::testing::Test {
 protected:
  void Take() {
    sessions_.Take([this](const Reply<RequestTag>& tag) {
      if (tag) {
        taken_.push_back(*tag);
      } else {
        ++refused_;
      }
    });
  }

  int opened_ = 0;
  int refused_ = 0;
  std::vector<RequestTag> taken_;
  Sessions sessions_{[this] { ++opened_; }};
};

TEST_F(SessionsTest, OpensOnceForAllWhoWait) {
  Take();
  Take();
  EXPECT_EQ(opened_, 1);
  EXPECT_TRUE(taken_.empty());
  sessions_.Opened(9);
  EXPECT_EQ(taken_, (std::vector<RequestTag>{{9, 1}, {9, 2}}));
}

TEST_F(SessionsTest, TellsAllWhoWaitWhenItCannotBeOpenedAndOpensAgainWhenAsked) {
  Take();
  Take();
  sessions_.Opened(Failure{FailureKind::kUnavailable, "nobody is there"});
  EXPECT_EQ(refused_, 2);
  Take();
  EXPECT_EQ(opened_, 2);
}

TEST_F(SessionsTest, NoIdIsFarAheadOfOneInUse) {
  Take();
  sessions_.Opened(9);
  for (std::uint64_t i = 0; i < 2 * Sessions::kWindow; ++i) {
    Take();
  }
  EXPECT_EQ(taken_.size(), Sessions::kWindow);
  sessions_.Return({9, 2});
  EXPECT_EQ(taken_.size(), Sessions::kWindow);  // The oldest is what counts.
  sessions_.Return({9, 1});
  EXPECT_EQ(taken_.size(), Sessions::kWindow + 2);
}

TEST_F(SessionsTest, ExpiryOfASessionThatIsNoLongerUsedChangesNothing) {
  Take();
  sessions_.Opened(9);
  sessions_.Expired(8);
  EXPECT_EQ(sessions_.current(), 9U);
  sessions_.Expired(9);
  sessions_.Expired(9);
  EXPECT_EQ(opened_, 1);  // Nobody waits.
  Take();
  EXPECT_EQ(opened_, 2);
  sessions_.Opened(10);
  sessions_.Return({9, 1});
  EXPECT_EQ(taken_.back(), (RequestTag{10, 1}));
}

}  // namespace
}  // namespace firn::client
