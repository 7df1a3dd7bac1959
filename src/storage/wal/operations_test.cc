// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/operations.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/coding.h"
#include "base/random.h"
#include "firn/write_batch.h"

namespace firn {
namespace {

std::string Describe(std::string_view encoded) {
  std::string text;
  const auto result = VisitOperations(encoded, [&](const BatchOperation& operation) {
    text += operation.kind == Kind::kPut ? "put " : "delete ";
    text.append(operation.key).append(1, '=').append(operation.value).append(1, ';');
    return Result<void>();
  });
  return result ? text : text + result.error().Describe();
}

TEST(Operations, ABatchComesBackInOrder) {
  WriteBatch batch;
  EXPECT_TRUE(batch.empty());
  batch.Put("a", "1");
  batch.Delete("b");
  batch.Put("c", "");
  EXPECT_EQ(batch.count(), 3u);
  EXPECT_EQ(Describe(batch.encoded()), "put a=1;delete b=;put c=;");
  EXPECT_EQ(batch.bytes(), batch.encoded().size());
  batch.Clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
}

TEST(Operations, EveryTruncationIsRefusedAndYieldsOnlyWholeOperations) {
  WriteBatch batch;
  batch.Put("key", std::string(200, 'v'));
  const std::size_t first = batch.bytes();
  batch.Delete("other");
  for (std::size_t size = 1; size < batch.bytes(); ++size) {
    const std::string text = Describe(batch.encoded().substr(0, size));
    EXPECT_EQ(text.find("corruption") == std::string::npos, size == first) << size << text;
    EXPECT_EQ(text.starts_with("put key="), size >= first) << size;
  }
}

TEST(Operations, KindsOfLaterVersionsAreRefusedByName) {
  EXPECT_EQ(Describe("\x02"),
            "unsupported: operation: kind 2 (range delete) needs a newer version");
  EXPECT_EQ(Describe("\x05"),
            "unsupported: operation: kind 5 (blob reference) needs a newer version");
  EXPECT_EQ(Describe("\x77"), "unsupported: operation: kind 119 (unknown) needs a newer version");
}

TEST(Operations, LimitsAreChecked) {
  EXPECT_EQ(Describe(std::string("\x00\x00", 2)), "corruption: operation: key of 0 bytes");
  std::string long_key;
  EncodeDelete(long_key, std::string(kKeyBytesMax, 'k'));
  EXPECT_TRUE(Describe(long_key).starts_with("delete kkk"));
  long_key.clear();
  EncodeDelete(long_key, std::string(kKeyBytesMax + 1, 'k'));
  EXPECT_EQ(Describe(long_key), "corruption: operation: key of 65537 bytes");
  std::string long_value = std::string("\x01\x01", 2);
  PutVarint(long_value, kValueBytesMax + 1);
  EXPECT_EQ(Describe(long_value + "k"), "corruption: operation: value of 67108865 bytes");
}

TEST(Operations, GarbageNeverYieldsAnOperationOutsideItsBytes) {
  Random random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    for (std::uint64_t left = random.Below(40); left > 0; --left) {
      bytes.push_back(static_cast<char>(random.OneIn(2) ? random.Below(8) : random.Next()));
    }
    std::size_t seen = 0;
    (void)VisitOperations(bytes, [&](const BatchOperation& operation) {
      seen += operation.key.size() + operation.value.size();
      EXPECT_FALSE(operation.key.empty());
      return Result<void>();
    }).has_value();
    ASSERT_LE(seen, bytes.size());
  }
}

}  // namespace
}  // namespace firn
