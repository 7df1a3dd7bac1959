// SPDX-License-Identifier: Apache-2.0
//
// How streams of entries begin, go on and break, against scripted nodes and virtual time.
#include "client/scan_stream.h"

#include <gtest/gtest.h>

#include "client/client.h"
#include "client/testing_surroundings.h"

namespace firn::client {
namespace {

using std::chrono::milliseconds;
using Detail = v1::ErrorDetail;

Attempt Page(const std::vector<std::string>& keys) {
  v1::ScanResponse page;
  for (const std::string& key : keys) {
    page.add_entries()->set_key(key);
  }
  return Answer(page);
}

class ScanStreamTest : public ::testing::Test {
 protected:
  void Script(std::vector<Attempt> attempts) {
    transport_->script.assign(attempts.begin(), attempts.end());
  }
  ScanStream Open(const StreamOptions& options = {}) { return client_->ScanStream(scan_, options); }
  // Their keys, one after another, and how it ends.
  static std::string Drain(ScanStream& stream) {
    std::string text;
    while (true) {
      const Reply<std::optional<v1::KeyValue>> entry = stream.Next();
      if (!entry) {
        return text + "| " + entry.error().Describe();
      }
      if (!*entry) {
        return text + "|";
      }
      text += (*entry)->key() + " ";
    }
  }
  v1::ScanRequest Sent(std::size_t sending) const {
    v1::ScanRequest request;
    EXPECT_TRUE(request.ParseFromString(transport_->sent.at(sending).request));
    return request;
  }

  v1::ScanRequest scan_;
  std::shared_ptr<ScriptedTransport> transport_ = std::make_shared<ScriptedTransport>();
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::shared_ptr<JumpingAlarms> alarms_ = std::make_shared<JumpingAlarms>(clock_);
  std::unique_ptr<Client> client_ =
      Client::Make({.endpoints = {"a:1", "b:2", "c:3"}},
                   {.transport = transport_, .alarms = alarms_, .clock = clock_, .seed = 1})
          .value();
};

TEST_F(ScanStreamTest, YieldsAllPagesOfOneStream) {
  Script({Page({"a", "b"}), Page({"c"}), EndOfStream()});
  ScanStream stream = Open();
  EXPECT_TRUE(transport_->sent.empty()) << "nothing is asked before the first entry is";
  EXPECT_EQ(Drain(stream), "a b c |");
  EXPECT_EQ(transport_->sent.size(), 1U);
  EXPECT_EQ(Drain(stream), "|") << "the end stays the end";
  EXPECT_EQ(transport_->readings.size(), 3U);
}

TEST_F(ScanStreamTest, OfNothingEndsAtOnce) {
  Script({EndOfStream()});
  ScanStream stream = Open();
  EXPECT_EQ(Drain(stream), "|");
}

TEST_F(ScanStreamTest, LooksForANodeUntilItHasBegun) {
  Script({FailsBecause(Detail::NO_LEADER), FailsWith(StatusCode::kUnavailable), Page({"a"}),
          EndOfStream()});
  ScanStream stream = Open();
  EXPECT_EQ(Drain(stream), "a |");
  ASSERT_EQ(transport_->sent.size(), 3U);
  EXPECT_EQ(transport_->sent[2].endpoint, "c:3");
  EXPECT_EQ(stream.state_changes(), 0U);
}

TEST_F(ScanStreamTest, ThatBreaksInTheMiddleSaysThatItsStateIsGone) {
  Script({Page({"a", "b"}), FailsWith(StatusCode::kUnavailable)});
  ScanStream stream = Open();
  const std::string end =
      "| scan expired: a:1: the stream of the scan broke in the middle: as scripted; begin the "
      "scan anew";
  EXPECT_EQ(Drain(stream), "a b " + end);
  EXPECT_EQ(stream.Next().error().kind, FailureKind::kScanExpired) << "it is not begun again";
  EXPECT_EQ(transport_->sent.size(), 1U);
}

TEST_F(ScanStreamTest, GoesOnBehindItsLastEntryIfItMay) {
  scan_.set_start("a");
  scan_.set_end("x");
  Script({Page({"a", "b"}), FailsWith(StatusCode::kUnavailable), FailsBecause(Detail::DRAINING),
          Page({"c"}), EndOfStream()});
  ScanStream stream = Open({.may_change_state = true});
  EXPECT_EQ(Drain(stream), "a b c |");
  EXPECT_EQ(stream.state_changes(), 1U) << "the node that did not answer had none";
  ASSERT_EQ(transport_->sent.size(), 3U);
  EXPECT_NE(transport_->sent[1].endpoint, "a:1");
  EXPECT_EQ(Sent(1).start(), std::string("b\0", 2));
  EXPECT_EQ(Sent(1).end(), "x");
}

TEST_F(ScanStreamTest, GoesOnBackwards) {
  scan_.set_reverse(true);
  Script({Page({"d", "c"}), FailsWith(StatusCode::kCancelled), Page({"b"}), EndOfStream()});
  ScanStream stream = Open({.may_change_state = true});
  EXPECT_EQ(Drain(stream), "d c b |");
  EXPECT_EQ(Sent(1).start(), "");
  EXPECT_EQ(Sent(1).end(), "c");
}

TEST_F(ScanStreamTest, WhatHasNoRemedyEndsItAsItIs) {
  Script({FailsWith(StatusCode::kInvalidArgument)});
  ScanStream refused = Open();
  EXPECT_EQ(refused.Next().error().kind, FailureKind::kInvalid);
  Script({Page({"a"}), FailsWith(StatusCode::kDataLoss)});
  ScanStream damaged = Open({.may_change_state = true});
  EXPECT_EQ(Drain(damaged), "a | server failure: a:1: as scripted");
}

TEST_F(ScanStreamTest, APageThatMakesNoSenseIsAFailure) {
  Script({{.response = "\xff\xff\xff"}});
  ScanStream stream = Open();
  EXPECT_EQ(stream.Next().error().kind, FailureKind::kServer);
}

TEST_F(ScanStreamTest, GivesUpWhenNoNodeAnswersInTime) {
  std::vector<Attempt> script(200, FailsWith(StatusCode::kUnavailable));
  Script(script);
  ScanStream stream = Open({.timeout = milliseconds(1'000)});
  EXPECT_EQ(stream.Next().error().kind, FailureKind::kUnavailable);
  Script({Page({"a"}), EndOfStream()});
  EXPECT_EQ(Drain(stream), "a |") << "nothing was yielded yet, so it may begin";
}

// A reading of a stream that cannot be replaced has the time of the whole page.
TEST_F(ScanStreamTest, OnlyWhatCanBeAskedOfOthersIsGivenLittleTime) {
  Script({Page({"a"}), EndOfStream()});
  ScanStream stays = Open({.timeout = milliseconds(60'000)});
  EXPECT_EQ(Drain(stays), "a |");
  EXPECT_EQ(transport_->readings, (std::vector{milliseconds(2'000), milliseconds(60'000)}));
  transport_->readings.clear();
  Script({Page({"a"}), EndOfStream()});
  ScanStream moves = Open({.timeout = milliseconds(60'000), .may_change_state = true});
  EXPECT_EQ(Drain(moves), "a |");
  EXPECT_EQ(transport_->readings, (std::vector{milliseconds(2'000), milliseconds(2'000)}));
}

TEST_F(ScanStreamTest, AsksOnlyTheNodeThatItIsTold) {
  Script({FailsWith(StatusCode::kUnavailable), Page({"a"}), EndOfStream()});
  ScanStream stream = Open({.endpoint = "b:2"});
  EXPECT_EQ(Drain(stream), "a |");
  EXPECT_EQ(transport_->sent[0].endpoint, "b:2");
  EXPECT_EQ(transport_->sent[1].endpoint, "b:2");
  EXPECT_EQ(client_->leader(), "");
}

TEST_F(ScanStreamTest, OutlivesItsClientButYieldsNoMore) {
  Script({Page({"a"})});
  ScanStream stream = Open();
  EXPECT_TRUE(stream.Next());
  client_.reset();
  EXPECT_EQ(stream.Next().error().kind, FailureKind::kClosed);
}

}  // namespace
}  // namespace firn::client
