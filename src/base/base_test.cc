// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/epoch.h"
#include "base/key_head.h"
#include "base/random.h"
#include "firn/result.h"

namespace firn {
namespace {

TEST(Crc32c, MatchesThePublishedVectors) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32("123456789"), 0xCBF43926u);
}

TEST(Crc32c, InstructionAndTableAgreeAtEveryLengthAndSeed) {
  Random random(1);
  std::string bytes;
  for (int length = 0; length < 300; ++length) {
    const auto seed = static_cast<std::uint32_t>(random.Next());
    ASSERT_EQ(Crc32c(bytes, seed), Crc32cPortable(bytes, seed)) << length;
    bytes.push_back(static_cast<char>(random.Next()));
  }
}

TEST(Crc32c, ContinuesFromASeed) {
  EXPECT_EQ(Crc32c("456789", Crc32c("123")), Crc32c("123456789"));
}

TEST(Coding, VarintsOfEveryWidthComeBack) {
  for (int bit = 0; bit < 64; ++bit) {
    for (std::uint64_t value : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit}) {
      std::string bytes;
      PutVarint(bytes, value);
      EXPECT_EQ(bytes.size(), VarintBytes(value));
      Decoder decoder(bytes);
      EXPECT_EQ(decoder.Varint(), value);
      EXPECT_TRUE(decoder.ok() && decoder.done());
    }
  }
}

TEST(Coding, ADecoderRefusesWhatDoesNotFit) {
  for (std::string_view bytes : {std::string_view("\x80"),
                                 std::string_view("\x05"
                                                  "abc"),
                                 std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02")}) {
    Decoder decoder(bytes);
    decoder.String();
    EXPECT_FALSE(decoder.ok());
    EXPECT_EQ(decoder.Little<std::uint64_t>(), 0u);
  }
}

TEST(KeyHead, OrdersAsKeysDoUntilATie) {
  EXPECT_EQ(KeyHead("a"), KeyHead(std::string_view("a\0", 2)));
  EXPECT_LT(KeyHead("a"), KeyHead("b"));
  EXPECT_LT(KeyHead("\x7F"), KeyHead("\x80"));
  EXPECT_EQ(KeyHead("prefix12345678", 6), KeyHead("12345678zzz"));
  EXPECT_EQ(CommonPrefix("user:000123", "user:000456"), 8u);
  EXPECT_EQ(CommonPrefix("abc", "abc"), 3u);
}

TEST(Random, SameSeedSameNumbers) {
  Random a(7);
  Random b(7);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(a.Next(), b.Next());
    ASSERT_LT(a.Below(10), 10u);
    b.Below(10);
  }
}

TEST(Result, CarriesEitherAValueOrAnError) {
  const Result<int> good = 5;
  const Result<int> bad = Error{ErrorCode::kIo, "disk on fire"};
  EXPECT_EQ(*good, 5);
  EXPECT_EQ(bad.error().Describe(), "i/o error: disk on fire");
  EXPECT_DEATH(bad.value(), "disk on fire");
}

TEST(Epoch, NothingIsDestroyedUnderAGuardThatMayHaveSeenIt) {
  bool destroyed = false;
  {
    EpochGuard guard;
    std::thread([&] {
      RetireInEpoch(1, [&] { destroyed = true; });
      CollectEpochs();
    }).join();
    EXPECT_FALSE(destroyed);
  }
  CollectEpochs();
  EXPECT_TRUE(destroyed);
}

// Readers follow a pointer that a writer keeps replacing; a freed object would show as a wrong
// number, and under the sanitizers as a report.
TEST(Epoch, ReadersNeverSeeAnObjectAfterItsEnd) {
  struct Object {
    explicit Object(std::uint64_t n) : a(n), b(n) {}
    ~Object() { a = 0; }
    std::uint64_t a, b;
  };
  std::atomic<Object*> shared{new Object(1)};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        EpochGuard guard;
        const Object* object = shared.load(std::memory_order_acquire);
        ASSERT_NE(object->a, 0u);
        ASSERT_EQ(object->a, object->b);
      }
    });
  }
  for (std::uint64_t n = 2; n < 20000; ++n) {
    Object* old = shared.exchange(new Object(n), std::memory_order_acq_rel);
    RetireInEpoch(1 << 14, [old] { delete old; });
  }
  stop = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  CollectEpochs();
  delete shared.load();
  EXPECT_EQ(EpochRetiredBytes(), 0u);
}

}  // namespace
}  // namespace firn
