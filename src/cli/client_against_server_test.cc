// SPDX-License-Identifier: Apache-2.0
//
// The client library and a server as they meet in the field, over a socket.
#include "client/client.h"
#include "server/server_testing.h"

namespace firn::cli {
namespace {

class ClientAgainstServerTest : public server::ServerTest {
 protected:
  ClientAgainstServerTest() {
    config_.limits.page_bytes_max = 4'096;
    Start();
    client_ = client::Client::Make({.endpoints = {server_->addresses().client}}).value();
  }
  static std::string Key(int number) { return "key" + std::to_string(1'000 + number); }

  std::unique_ptr<client::Client> client_;
};

TEST_F(ClientAgainstServerTest, AStreamedScanGivesEveryEntryOfOneState) {
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(client_->Put(Key(i), std::string(100, 'v')));
  }
  for (const bool reverse : {false, true}) {
    const std::string late = reverse ? "key0000" : "key9999";  // Where the scan comes to last.
    v1::ScanRequest request;
    request.set_reverse(reverse);
    client::ScanStream rows = client_->ScanStream(request);
    int count = 0;
    for (auto row = rows.Next().value(); row; row = rows.Next().value()) {
      if (count == 0) {
        ASSERT_TRUE(client_->Put(late, "new"));
      }
      EXPECT_EQ(row->key(), Key(reverse ? 499 - count : count));
      ++count;
    }
    EXPECT_EQ(count, 500);
    EXPECT_EQ(rows.state_changes(), 0U);
    ASSERT_TRUE(client_->Delete(late));
  }
}

TEST_F(ClientAgainstServerTest, AStreamThatIsGivenUpLeavesTheServerAsItWas) {
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(client_->Put(Key(i), std::string(100, 'v')));
  }
  {
    client::ScanStream rows = client_->ScanStream(v1::ScanRequest());
    ASSERT_TRUE(rows.Next().value());
  }
  EXPECT_EQ(client_->Get(Key(7)).value(), std::string(100, 'v'));
  client_.reset();
  server_.reset();
}

}  // namespace
}  // namespace firn::cli
