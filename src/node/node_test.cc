// SPDX-License-Identifier: Apache-2.0
//
// Messages too large for a transcript, and what a node does without an engine.
#include "node/node.h"

#include <gtest/gtest.h>

#include "firn/limits.h"
#include "node/testing_node.h"

namespace firn::node {
namespace {

TEST(Node, TakesBackWhatAHandlerWroteBeforeItFailed) {
  Node node;
  node.On("half", [](const Request&, JsonWriter& reply) -> Result<void> {
    reply.Text("a", "b");
    reply.BeginArray("open");
    return Error{ErrorCode::kNotFound, "gone"};
  });
  std::string out = "before\n";
  ASSERT_TRUE(node.Answer(
      R"({"src":"c","dest":"n","body":{"type":"init","msg_id":1,"node_id":"n","node_ids":[]}})",
      out));
  out = "before\n";
  ASSERT_TRUE(node.Answer(R"({"src":"c","dest":"n","body":{"type":"half","msg_id":2}})", out));
  EXPECT_EQ(out,
            "before\n"
            R"({"src": "n", "dest": "c", "body": {"type": "error", "in_reply_to": 2, "code": 20, )"
            R"("text": "gone", "msg_id": 1}})"
            "\n");
}

TEST(Node, WritesNothingForALineItCannotAnswer) {
  Node node;
  std::string out;
  EXPECT_FALSE(node.Answer("nonsense", out));
  EXPECT_TRUE(out.empty());
}

std::string Put(const std::string& key, const std::string& value) {
  return R"({"type": "memtable_put", "msg_id": 1, "key": ")" + key + R"(", "value": ")" + value +
         "\"}";
}

TEST(Node, TakesValuesOfManyMebibytes) {
  TestingNode node;
  node.Initialise();
  const std::string value(std::size_t{16} << 20, 'v');
  EXPECT_NE(node.SayBody(Put("huge", value)).find("memtable_put_ok"), std::string::npos);
  const std::string answer =
      node.SayBody(R"({"type": "memtable_get", "msg_id": 2, "key": "huge"})");
  EXPECT_NE(answer.find("\"value\": \"" + value + "\""), std::string::npos);
}

TEST(Node, RefusesKeysThatAreTooLong) {
  TestingNode node;
  node.Initialise();
  EXPECT_NE(node.SayBody(Put(std::string(kKeyBytesMax, 'k'), "v")).find("memtable_put_ok"),
            std::string::npos);
  const std::string refused = node.SayBody(Put(std::string(kKeyBytesMax + 1, 'k'), "v"));
  EXPECT_NE(refused.find(R"("code": 12, "text": "field key has 65537 bytes)"), std::string::npos)
      << refused;
}

TEST(Node, RefusesAScanWhoseReplyWouldBeTooLarge) {
  TestingNode store;
  store.Initialise();
  for (int i = 0; i < 10; ++i) {
    store.SayBody(Put("k" + std::to_string(i), std::string(100, 'v')));
  }
  Node node;
  AddMemtableHandlers(node, store.engine(), 1000);
  std::string out;
  auto say = [&](const std::string& body) {
    out.clear();
    EXPECT_TRUE(node.Answer(R"({"src": "c", "body": )" + body + "}", out));
    return out;
  };
  say(R"({"type": "init", "msg_id": 1, "node_id": "n", "node_ids": []})");
  const std::string refused = say(R"({"type": "memtable_scan", "msg_id": 2})");
  EXPECT_NE(refused.find(R"("code": 12, "text": "the range needs a reply of more than 1000 bytes)"),
            std::string::npos)
      << refused;
  EXPECT_LT(refused.size(), 200u);
  EXPECT_NE(say(R"({"type": "memtable_scan", "msg_id": 3, "limit": 7})").find("memtable_scan_ok"),
            std::string::npos);
}

TEST(Node, KeepsEveryAcknowledgedWriteThroughKills) {
  TestingNode node;
  for (int round = 0; round < 5; ++round) {
    node.Initialise();
    for (int i = 0; i < 500; ++i) {
      const std::string key = std::to_string(round) + "/" + std::to_string(i);
      ASSERT_NE(node.SayBody(Put(key, std::string(100, 'v'))).find("_ok"), std::string::npos);
      if (i == 250) {
        node.SayBody(R"({"type": "sstable_flush", "msg_id": 1, "memtable_size_bytes": 20000})");
      }
    }
    node.KillAndRestart();
  }
  node.Initialise();
  const std::string all = node.SayBody(R"({"type": "memtable_scan", "msg_id": 2})");
  std::size_t entries = 0;
  for (std::size_t at = all.find("\"key\""); at != std::string::npos;
       at = all.find("\"key\"", at + 1)) {
    ++entries;
  }
  EXPECT_EQ(entries, 2500u);
}

}  // namespace
}  // namespace firn::node
