// SPDX-License-Identifier: Apache-2.0
#include "server/peer/handshake.h"

#include <gtest/gtest.h>

#include "base/coding.h"
#include "base/crc32c.h"

namespace firn {
namespace {

constexpr Identity kSelf{.cluster = 0xC0FFEE, .node = {2}, .directory = 0xB2};

Hello GoodHello() {
  return {.cluster = 0xC0FFEE,
          .from = {1},
          .directory = FormatId(0xB1),
          .address = "db1.example.org:7201",
          .to = {2},
          .to_directory = FormatId(0xB2),
          .to_member = false};
}

std::string Body(const std::string& message) { return message.substr(kPreambleBytes); }

// A body around these fields, with a right checksum.
std::string BodyAround(std::string fields) {
  PutLittle(fields, Crc32c(fields));
  return fields;
}

Refusal WhyNot(const Hello& hello, const std::string& known_directory = FormatId(0xB1)) {
  return Judge(hello, kSelf, known_directory).refused.value().why;
}

TEST(Handshake, IsUnderstoodAsItWasMeant) {
  const Hello hello = GoodHello();
  const std::string said = Encode(hello);
  const Preamble preamble = DecodePreamble(said.substr(0, kPreambleBytes)).value();
  EXPECT_EQ(preamble.version, kPeerVersion);
  EXPECT_EQ(preamble.body_bytes, said.size() - kPreambleBytes);
  EXPECT_EQ(DecodeHello(Body(said)).value(), hello);

  Answer answer = Judge(hello, kSelf, "");
  EXPECT_EQ(DecodeAnswer(Body(Encode(answer))).value(), answer);
  EXPECT_EQ(Check(answer, hello), std::nullopt);
  answer.refused = Refused{.why = Refusal::kTooMany, .text = "no room"};
  EXPECT_EQ(DecodeAnswer(Body(Encode(answer))).value(), answer);
  EXPECT_EQ(Check(answer, hello), answer.refused);
}

TEST(Handshake, WelcomesStrangersOfTheSameCluster) {
  EXPECT_FALSE(Judge(GoodHello(), kSelf, "").refused);
  Hello hello = GoodHello();
  hello.to_directory.clear();
  EXPECT_FALSE(Judge(hello, kSelf, "").refused);
}

TEST(Handshake, RefusesWhoeverIsNotWhomItKnows) {
  Hello hello = GoodHello();
  hello.cluster = 0xBAD;
  EXPECT_EQ(WhyNot(hello), Refusal::kOtherCluster);
  hello = GoodHello();
  hello.to = {3};
  EXPECT_EQ(WhyNot(hello), Refusal::kOtherNode);
  hello = GoodHello();
  hello.to_directory = FormatId(0xB3);
  EXPECT_EQ(WhyNot(hello), Refusal::kOtherDirectory);
  EXPECT_EQ(WhyNot(GoodHello(), FormatId(0xB9)), Refusal::kSenderDirectory);
  hello = GoodHello();
  hello.directory.clear();
  EXPECT_EQ(WhyNot(hello), Refusal::kSenderDirectory);
  hello = GoodHello();
  hello.from = {2};
  EXPECT_EQ(WhyNot(hello), Refusal::kSenderIsSelf);
  hello.from = {};
  EXPECT_EQ(WhyNot(hello), Refusal::kSenderIsSelf);
}

TEST(Handshake, DiallersRefuseWhoeverIsNotWhomTheyMeant) {
  const Answer good = Judge(GoodHello(), kSelf, "");
  Answer answer = good;
  answer.cluster = 1;
  EXPECT_EQ(Check(answer, GoodHello())->why, Refusal::kOtherCluster);
  answer = good;
  answer.node = {7};
  EXPECT_EQ(Check(answer, GoodHello())->why, Refusal::kOtherNode);
  answer = good;
  answer.directory = FormatId(1);
  EXPECT_EQ(Check(answer, GoodHello())->why, Refusal::kOtherDirectory);
  Hello hello = GoodHello();
  hello.to_directory.clear();
  EXPECT_EQ(Check(answer, hello), std::nullopt);
}

TEST(Handshake, RefusesWordsOfOthers) {
  for (const std::string words : {"GET / HTTP/1.1\r\n", "", "FIRNPEER", "\x16\x03\x01\x02\x01"}) {
    EXPECT_EQ(DecodePreamble(words).error().code, ErrorCode::kCorruption) << words;
  }
  std::string huge = Encode(GoodHello()).substr(0, kPreambleBytes);
  StoreLittle(huge.data() + 12, std::uint32_t{1025});
  EXPECT_EQ(DecodePreamble(huge).error().code, ErrorCode::kCorruption);
}

TEST(Handshake, ReadsThePreambleOfVersionsToCome) {
  std::string later = Encode(GoodHello()).substr(0, kPreambleBytes);
  StoreLittle(later.data() + 8, std::uint32_t{9});
  EXPECT_EQ(DecodePreamble(later).value().version, 9u);
}

TEST(Handshake, RefusesBodiesThatAreCutOrDamaged) {
  const std::string hello = Body(Encode(GoodHello()));
  const std::string answer = Body(Encode(Judge(GoodHello(), kSelf, "")));
  for (std::size_t length = 0; length < hello.size(); ++length) {
    EXPECT_FALSE(DecodeHello(hello.substr(0, length))) << length;
    EXPECT_FALSE(DecodeAnswer(answer.substr(0, std::min(length, answer.size() - 1)))) << length;
  }
  for (std::size_t at = 0; at < hello.size(); ++at) {
    std::string damaged = hello;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_FALSE(DecodeHello(damaged)) << at;
  }
}

TEST(Handshake, RefusesFieldsThatNobodySends) {
  std::string fields(4 + 3 * 8, '\0');
  EXPECT_TRUE(DecodeHello(BodyAround(fields + std::string(4, '\0'))));
  EXPECT_FALSE(DecodeHello(BodyAround(fields + "\x7f" + std::string(130, 'd'))));
  EXPECT_FALSE(
      DecodeHello(BodyAround(fields + std::string(2, '\0') + "\xad\x02" + std::string(302, 'a'))));
  EXPECT_FALSE(DecodeHello(BodyAround(fields + std::string(4, '\0') + "more")));
  EXPECT_FALSE(DecodeHello(BodyAround(fields + std::string(3, '\0') + '\x02')));
  std::string features = fields + std::string(4, '\0');
  features[0] = 1;
  EXPECT_EQ(DecodeHello(BodyAround(features)).error().code, ErrorCode::kUnsupported);

  fields.resize(4 + 2 * 8 + 1);
  EXPECT_TRUE(DecodeAnswer(BodyAround(fields + '\0')));
  EXPECT_FALSE(DecodeAnswer(BodyAround(fields + '\x09' + '\0')));  // Not for the wire.
  EXPECT_FALSE(DecodeAnswer(BodyAround(fields + '\x01' + "\xc8\x03" + std::string(456, 'r'))));
}

TEST(Handshake, CutsWhatIsTooLongToSay) {
  Answer answer = Judge(GoodHello(), kSelf, "");
  answer.refused = Refused{.why = Refusal::kTooMany, .text = std::string(5000, 'r')};
  EXPECT_EQ(DecodeAnswer(Body(Encode(answer))).value().refused->text, std::string(400, 'r'));
}

TEST(Handshake, HasANameForEachRefusal) {
  for (std::size_t i = 1; i <= kRefusalCount; ++i) {
    EXPECT_NE(Name(static_cast<Refusal>(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace firn
