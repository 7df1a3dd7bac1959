// SPDX-License-Identifier: Apache-2.0
#include "cli/notation.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace firn::cli {
namespace {

TEST(Notation, WhatIsWrittenReadsBackAsTheSameBytes) {
  Random random(1);
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes;
    for (std::uint64_t left = random.Below(20); left > 0; --left) {
      bytes += static_cast<char>(random.OneIn(2) ? random.Below(256) : 0x5C + random.Below(30));
    }
    for (const Notation notation : {Notation::kEscaped, Notation::kHex, Notation::kBase64}) {
      const std::string text = Write(notation, bytes);
      EXPECT_EQ(Read(notation, text).value(), bytes) << text;
    }
  }
}

TEST(Notation, EscapedTextKeepsWhatPeopleCanRead) {
  EXPECT_EQ(Write(Notation::kEscaped, "Grüße, 雪!"), "Grüße, 雪!");
  EXPECT_EQ(Write(Notation::kEscaped, std::string_view("a\0\n\t\\\x7f", 6)),
            "a\\x00\\x0a\\x09\\\\\\x7f");
  EXPECT_EQ(Read(Notation::kEscaped, "a\\0\\n\\t\\\\\\x7F").value(),
            std::string("a\0\n\t\\\x7f", 6));
}

TEST(Notation, EscapedTextDoesNotMoveTheCursorOrTurnTheDirection) {
  EXPECT_EQ(Write(Notation::kEscaped, "\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(Write(Notation::kEscaped, "\u009b"), "\\xc2\\x9b");
  EXPECT_EQ(Write(Notation::kEscaped, "\u202e"), "\\xe2\\x80\\xae");
  EXPECT_EQ(Write(Notation::kEscaped, "\xc3"), "\\xc3");
}

TEST(Notation, KnowsBase64) {
  EXPECT_EQ(Write(Notation::kBase64, ""), "");
  EXPECT_EQ(Write(Notation::kBase64, "f"), "Zg==");
  EXPECT_EQ(Write(Notation::kBase64, "fo"), "Zm8=");
  EXPECT_EQ(Write(Notation::kBase64, "foo"), "Zm9v");
}

TEST(Notation, RefusesTextThatIsNotInTheNotation) {
  for (const char* text : {"\\", "\\x", "\\x1", "\\xg0", "a\\q"}) {
    EXPECT_FALSE(Read(Notation::kEscaped, text)) << text;
  }
  for (const char* text : {"0", "0g", "00 ", "x"}) {
    EXPECT_FALSE(Read(Notation::kHex, text)) << text;
  }
  for (const char* text : {"Z", "Zg", "Zg=", "Z===", "====", "Zg=a", "Z g=", "Zg==Zg=="}) {
    EXPECT_FALSE(Read(Notation::kBase64, text)) << text;
  }
}

}  // namespace
}  // namespace firn::cli
