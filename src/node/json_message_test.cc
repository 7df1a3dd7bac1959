// SPDX-License-Identifier: Apache-2.0
//
// What the golden transcripts cannot show: excess, raw bytes, and what the parser makes of values.
#include "node/json_message.h"

#include <gtest/gtest.h>

namespace firn::node {
namespace {

std::string WithBody(const std::string& field) {
  return R"({"src": "c1", "dest": "n1", "body": {"type": "t", "msg_id": 3, )" + field + "}}";
}

std::string Repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

std::string FaultOf(const std::string& line) {
  const Result<JsonMessage> message = ParseMessage(line);
  if (!message) {
    return "unanswerable: " + message.error().context;
  }
  EXPECT_EQ(message->source, "c1");
  EXPECT_EQ(message->id, 3);
  return message->fault.value_or("");
}

TEST(JsonMessage, KeepsEveryKindOfValue) {
  const Result<JsonMessage> message = ParseMessage(WithBody(
      R"("a": null, "b": true, "c": -5, "d": 1.5, "e": "x", "f": [1, "y"], "g": {"h": 2})"));
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->fault);
  const JsonValue& body = message->body;
  using Kind = JsonValue::Kind;
  EXPECT_EQ(body.Find("a")->kind, Kind::kNull);
  EXPECT_TRUE(body.Find("b")->boolean);
  EXPECT_EQ(body.Find("c")->integer, -5);
  EXPECT_EQ(body.Find("d")->kind, Kind::kOtherNumber);
  EXPECT_EQ(body.Find("e")->text, "x");
  ASSERT_EQ(body.Find("f")->elements.size(), 2u);
  EXPECT_EQ(body.Find("f")->elements[1].text, "y");
  EXPECT_EQ(body.Find("g")->Find("h")->integer, 2);
  EXPECT_EQ(body.Find("z"), nullptr);
}

TEST(JsonMessage, IsRefusedButAnsweredWhenNestedTooDeep) {
  // The body is at depth 2.
  const std::size_t allowed = kJsonDepthMax - 2;
  EXPECT_EQ(FaultOf(WithBody("\"x\": " + std::string(allowed, '[') + std::string(allowed, ']'))),
            "");
  EXPECT_EQ(
      FaultOf(WithBody("\"x\": " + std::string(allowed + 1, '[') + std::string(allowed + 1, ']'))),
      "nested deeper than 32");
}

TEST(JsonMessage, SurvivesNestingThatWouldExhaustAStack) {
  constexpr std::size_t kDeep = 4'000'000;
  EXPECT_EQ(FaultOf(WithBody("\"x\": " + std::string(kDeep, '[') + std::string(kDeep, ']'))),
            "nested deeper than 32");
  EXPECT_EQ(FaultOf(WithBody("\"x\": " + Repeated("{\"a\":", kDeep / 8) + "1" +
                             std::string(kDeep / 8, '}'))),
            "nested deeper than 32");
  EXPECT_TRUE(FaultOf(std::string(kDeep, '[')).starts_with("unanswerable: not JSON at byte"));
}

TEST(JsonMessage, FindsTheEnvelopeBehindAnExcess) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_EQ(
      FaultOf("{\"x\": " + deep + R"(, "body": {"x": )" + deep + R"(, "msg_id": 3}, "src": "c1"})"),
      "nested deeper than 32");
}

TEST(JsonMessage, IsRefusedWithTooManyValuesOrFields) {
  EXPECT_EQ(FaultOf(WithBody("\"x\": [1" + Repeated(",1", kJsonValuesMax) + "]")),
            "more than 262144 values");
  std::string fields = "\"f\": 1";
  for (std::size_t i = 0; i < kJsonFieldsMax; ++i) {
    fields += ", \"f" + std::to_string(i) + "\": {\"a\": [1]}";
  }
  EXPECT_EQ(FaultOf(WithBody(fields)), "an object of more than 64 fields");
}

TEST(JsonMessage, NamesTheByteThatIsNotUtf8) {
  const std::string start = R"({"src": "c1", "body": {"msg_id": 3, "x": ")";
  for (const std::string& bad : std::vector<std::string>{"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80",
                                                         "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    EXPECT_EQ(FaultOf(start + bad + "\"}}"),
              "text is not UTF-8 at byte " + std::to_string(start.size() + 1));
  }
  EXPECT_EQ(FaultOf(start + "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80\"}}"), "");
}

TEST(JsonMessage, TakesAZeroByteForNoEndOfTheLine) {
  const std::string line = WithBody("\"x\": 1");
  EXPECT_TRUE(FaultOf(line + '\0').ends_with("a zero byte"));
  EXPECT_TRUE(FaultOf(line + '\0' + "junk").ends_with("a zero byte"));
}

TEST(JsonMessage, NeverQuotesAHugeTokenInItsReport) {
  const std::string report = FaultOf("{\"src\": \"" + std::string(1 << 20, 'x'));
  EXPECT_TRUE(report.starts_with("unanswerable: not JSON at byte 1048"));
  EXPECT_LT(report.size(), 400u);
}

// Every line with one byte changed is either answered or reported.
TEST(JsonMessage, SurvivesEveryFlippedByte) {
  const std::string line = WithBody(R"("key": "\ud83d\ude00ü", "list": [{"a": 1}, null, -1.5e3])");
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string flipped = line;
      flipped[at] = static_cast<char>(byte);
      const Result<JsonMessage> message = ParseMessage(flipped);
      EXPECT_TRUE(message || !message.error().context.empty());
    }
  }
  for (std::size_t length = 0; length < line.size(); ++length) {
    EXPECT_FALSE(ParseMessage(std::string_view(line).substr(0, length)));
  }
}

}  // namespace
}  // namespace firn::node
