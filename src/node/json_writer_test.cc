// SPDX-License-Identifier: Apache-2.0
#include "node/json_writer.h"

#include <gtest/gtest.h>

namespace firn::node {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  JsonWriter(out).Text("x", text);
  return out.substr(5);  // Behind the name.
}

TEST(JsonWriter, SeparatesAsTheProtocolPrints) {
  std::string out;
  JsonWriter writer(out);
  writer.BeginObject();
  writer.Text("a", "[");
  writer.BeginArray("empty");
  writer.EndArray();
  writer.BeginArray("list");
  writer.BeginObject();
  writer.Null("n");
  writer.EndObject();
  writer.BeginObject();
  writer.Boolean("t", true);
  writer.Boolean("f", false);
  writer.EndObject();
  writer.EndArray();
  writer.BeginObject("o");
  writer.EndObject();
  writer.Text("z", "{");
  writer.SignedInteger("i", INT64_MIN);
  writer.Integer("u", UINT64_MAX);
  writer.EndObject();
  EXPECT_EQ(out,
            R"({"a": "[", "empty": [], "list": [{"n": null}, {"t": true, "f": false}], "o": {}, )"
            R"("z": "{", "i": -9223372036854775808, "u": 18446744073709551615})");
}

TEST(JsonWriter, EscapesWhateverIsNotPlainAscii) {
  EXPECT_EQ(Quoted("a~ \x7F"), "\"a~ \x7F\"");
  EXPECT_EQ(Quoted("\"\\/"), R"("\"\\/")");
  EXPECT_EQ(Quoted({"\0\b\f\n\r\t\x1F", 7}), R"("\u0000\b\f\n\r\t\u001f")");
  EXPECT_EQ(Quoted("ü€"), R"("\u00fc\u20ac")");
  EXPECT_EQ(Quoted("\U0001F600\U0010FFFF\U00010000"), R"("\ud83d\ude00\udbff\udfff\ud800\udc00")");
}

TEST(JsonWriter, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(Quoted("a\xFF"
                   "b"),
            R"("a\ufffdb")");
  EXPECT_EQ(Quoted("\xE2\x82"), R"("\ufffd\ufffd")");
  EXPECT_EQ(Quoted("\xED\xA0\x80"), R"("\ufffd\ufffd\ufffd")");
}

TEST(JsonWriter, PrintsRealsThatReadAsReals) {
  auto real = [](double value) {
    std::string out;
    JsonWriter(out).Real("x", value);
    return out.substr(5);
  };
  EXPECT_EQ(real(0), "0.0");
  EXPECT_EQ(real(3), "3.0");
  EXPECT_EQ(real(0.1), "0.1");
  EXPECT_EQ(real(1e300), "1e+300");
}

}  // namespace
}  // namespace firn::node
