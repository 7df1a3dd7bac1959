// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "server/server_testing.h"

namespace firn::server {
namespace {

using grpc::StatusCode;

class ScanServiceTest : public ServerTest {
 protected:
  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = "key" + std::to_string(1'000 + i);
      Put(key, "value" + std::to_string(i));
      expected_.push_back(key);
    }
  }

  grpc::Status Scan(const v1::ScanRequest& request, v1::ScanResponse& response) {
    grpc::ClientContext context;
    response.Clear();
    const grpc::Status status = kv_->Scan(&context, request, &response);
    reason_ = ReasonOf(context);
    return status;
  }
  // Pages to the end.
  std::vector<std::string> Keys(v1::ScanRequest request) {
    std::vector<std::string> keys;
    v1::ScanResponse page;
    do {
      const grpc::Status status = Scan(request, page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const v1::KeyValue& entry : page.entries()) {
        keys.push_back(entry.key());
      }
      request.set_page_token(page.next_page_token());
    } while (!page.next_page_token().empty());
    return keys;
  }

  // To its end; the reason why there is none, or nothing.
  std::string ReadStream() {
    grpc::ClientContext context;
    const auto stream = kv_->ScanStream(&context, {});
    v1::ScanResponse page;
    while (stream->Read(&page)) {
    }
    const grpc::Status status = stream->Finish();
    return status.ok() ? "" : ReasonOf(context);
  }

  void AwaitRoom() {
    std::string reason;
    Await([&] {
      reason = ReadStream();
      return reason != "OVERLOADED";
    });
    EXPECT_EQ(reason, "");
  }

  std::vector<std::string> expected_;
  std::string reason_;
};

TEST_F(ScanServiceTest, PagesGoForwardsAndBackwardsOverAllKeys) {
  Start();
  Fill(25);
  v1::ScanRequest request;
  request.set_limit(7);
  EXPECT_EQ(Keys(request), expected_);
  request.set_reverse(true);
  EXPECT_EQ(Keys(request), std::vector<std::string>(expected_.rbegin(), expected_.rend()));
}

TEST_F(ScanServiceTest, BoundsAreTheFirstIncludedAndTheLastExcluded) {
  Start();
  Fill(10);
  v1::ScanRequest request;
  request.set_start("key1003");
  request.set_end("key1006");
  EXPECT_EQ(Keys(request), (std::vector<std::string>{"key1003", "key1004", "key1005"}));
  request.set_end("key1003");
  EXPECT_TRUE(Keys(request).empty());
  request.set_start("\xff\xff\xff\xff");
  request.set_end("");
  EXPECT_TRUE(Keys(request).empty());
}

TEST_F(ScanServiceTest, KeysAloneComeWithoutValues) {
  Start();
  Fill(3);
  v1::ScanRequest request;
  request.set_keys_only(true);
  v1::ScanResponse page;
  ASSERT_TRUE(Scan(request, page).ok());
  ASSERT_EQ(page.entries_size(), 3);
  EXPECT_EQ(page.entries(0).value(), "");
}

TEST_F(ScanServiceTest, SessionsAreNotShown) {
  Start();
  Fill(1);
  grpc::ClientContext context;
  v1::OpenSessionResponse session;
  ASSERT_TRUE(kv_->OpenSession(&context, {}, &session).ok());
  EXPECT_EQ(Keys({}), expected_);
}

TEST_F(ScanServiceTest, APageEndsWhereItsBytesAreFull) {
  config_.limits.page_bytes_max = 4'096;
  Start();
  for (int i = 0; i < 10; ++i) {
    Put("k" + std::to_string(i), std::string(1'000, 'v'));
  }
  Put("l", std::string(10'000, 'v'));
  v1::ScanResponse page;
  ASSERT_TRUE(Scan({}, page).ok());
  EXPECT_EQ(page.entries_size(), 4);
  EXPECT_EQ(Keys({}).size(), 11U);
  v1::ScanRequest large;
  large.set_start("l");
  ASSERT_TRUE(Scan(large, page).ok());
  EXPECT_EQ(page.entries_size(), 1);
}

TEST_F(ScanServiceTest, AllPagesShowOneMoment) {
  Start();
  Fill(10);
  v1::ScanRequest request;
  request.set_limit(4);
  v1::ScanResponse page;
  ASSERT_TRUE(Scan(request, page).ok());
  Put("key1005", "changed");
  Put("key1005a", "new");
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(Scan(request, page).ok());
  ASSERT_EQ(page.entries_size(), 4);
  EXPECT_EQ(page.entries(1).value(), "value5");
  EXPECT_EQ(page.entries(2).key(), "key1006");
}

TEST_F(ScanServiceTest, TokensThatAreNotOursAreRefused) {
  Start();
  Fill(10);
  v1::ScanRequest request;
  request.set_limit(4);
  v1::ScanResponse page;
  ASSERT_TRUE(Scan(request, page).ok());
  const std::string token = page.next_page_token();
  request.set_page_token("none");
  EXPECT_EQ(Scan(request, page).error_code(), StatusCode::INVALID_ARGUMENT);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string damaged = token;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    request.set_page_token(damaged);
    const StatusCode code = Scan(request, page).error_code();
    EXPECT_TRUE(code == StatusCode::ABORTED || code == StatusCode::INVALID_ARGUMENT) << i;
  }
  request.set_page_token(token);
  request.set_start("key1001");
  EXPECT_EQ(Scan(request, page).error_code(), StatusCode::INVALID_ARGUMENT);
  request.clear_start();
  EXPECT_TRUE(Scan(request, page).ok());
}

TEST_F(ScanServiceTest, AScanWhosePinIsGoneHasToBeginAnew) {
  config_.limits.scans_max = 1;
  Start();
  Fill(10);
  v1::ScanRequest request;
  request.set_limit(4);
  v1::ScanResponse page;
  ASSERT_TRUE(Scan(request, page).ok());
  const std::string token = page.next_page_token();
  ASSERT_TRUE(Scan(request, page).ok());  // Takes the one pin there is.
  request.set_page_token(token);
  EXPECT_EQ(Scan(request, page).error_code(), StatusCode::ABORTED);
  EXPECT_EQ(reason_, "SCAN_EXPIRED");
}

TEST_F(ScanServiceTest, ATokenOfAnEarlierRunHasExpired) {
  Start();
  Fill(10);
  v1::ScanRequest request;
  request.set_limit(4);
  v1::ScanResponse page;
  ASSERT_TRUE(Scan(request, page).ok());
  request.set_page_token(page.next_page_token());
  server_.reset();
  Start();
  Put("warm", "up");
  EXPECT_EQ(Scan(request, page).error_code(), StatusCode::ABORTED);
}

TEST_F(ScanServiceTest, AStreamBringsAllPages) {
  config_.limits.page_bytes_max = 1'024;
  Start();
  Fill(200);
  grpc::ClientContext context;
  const auto stream = kv_->ScanStream(&context, {});
  std::vector<std::string> keys;
  v1::ScanResponse page;
  int pages = 0;
  while (stream->Read(&page)) {
    ++pages;
    for (const v1::KeyValue& entry : page.entries()) {
      keys.push_back(entry.key());
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(keys, expected_);
  EXPECT_GT(pages, 3);
}

TEST_F(ScanServiceTest, AStreamThatIsAbandonedMakesRoomForTheNext) {
  config_.limits.page_bytes_max = 1'024;
  config_.limits.scans_max = 1;
  Start();
  Fill(200);
  {
    grpc::ClientContext context;
    const auto stream = kv_->ScanStream(&context, {});
    v1::ScanResponse page;
    ASSERT_TRUE(stream->Read(&page));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  }
  AwaitRoom();  // The server hears of it a moment later.
}

TEST_F(ScanServiceTest, AReaderThatTakesNothingLosesItsStream) {
  config_.limits.scan_idle_max = std::chrono::milliseconds(200);
  config_.limits.scans_max = 1;
  Start();
  for (int i = 0; i < 20; ++i) {
    Put("k" + std::to_string(i), std::string(500'000, 'v'));
  }
  grpc::ClientContext context;
  const auto idle = kv_->ScanStream(&context, {});
  // What fits the windows of the connection is sent; the rest waits, and with it everybody else,
  // until the server has had enough.
  ASSERT_EQ(ReadStream(), "OVERLOADED");
  AwaitRoom();
  v1::ScanResponse page;
  while (idle->Read(&page)) {
  }
  EXPECT_EQ(idle->Finish().error_code(), StatusCode::CANCELLED);
}

}  // namespace
}  // namespace firn::server
