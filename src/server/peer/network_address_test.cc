// SPDX-License-Identifier: Apache-2.0
#include "server/peer/network_address.h"

#include <gtest/gtest.h>

namespace firn {
namespace {

TEST(NetworkAddress, IsReadAndWritten) {
  for (const char* text : {"127.0.0.1:4000", "[::1]:0", "db.example.org:65535", "localhost:1"}) {
    EXPECT_EQ(Format(ParseNetworkAddress(text).value()), text);
  }
  EXPECT_EQ(ParseNetworkAddress("[fd00::7]:99").value(),
            (NetworkAddress{.host = "fd00::7", .port = 99}));
}

TEST(NetworkAddress, IsRefusedWithAReason) {
  for (const char* text : {"", "localhost", ":4000", "localhost:", "localhost:x", "localhost:65536",
                           "::1:4000", "[]:1", "localhost:-1", "localhost: 1", "localhost:1x"}) {
    EXPECT_EQ(ParseNetworkAddress(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace firn
