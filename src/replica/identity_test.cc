// SPDX-License-Identifier: Apache-2.0
#include "replica/identity.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "io/memory_file_system.h"

namespace firn {
namespace {

constexpr Identity kIdentity{.cluster = 0xC0FFEE00C0FFEE, .node = {3}, .directory = 77};

TEST(Identity, IsWrittenOnceAndSurvivesPowerLoss) {
  MemoryFileSystem files;
  files.CreateDirectory("/n").value();
  EXPECT_EQ(ReadIdentity(files, "/n").error().code, ErrorCode::kNotFound);
  WriteIdentity(files, "/n", kIdentity).value();
  Random random(1);
  const auto after = files.CloneAfterPowerLoss(random, 0);
  EXPECT_EQ(ReadIdentity(*after, "/n").value(), kIdentity);
  EXPECT_EQ(WriteIdentity(files, "/n", kIdentity).error().code, ErrorCode::kAlreadyExists);
}

TEST(Identity, AnyChangedOrMissingByteIsDamageThatNamesTheFile) {
  const std::string whole = Encode(kIdentity);
  MemoryFileSystem files;
  files.CreateDirectory("/n").value();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] ^= 0x10;
    for (const std::string& bytes : {flipped, whole.substr(0, i), whole + "x"}) {
      files.SetContent("/n/IDENTITY", bytes);
      EXPECT_EQ(ReadIdentity(files, "/n").error(),
                (Error{ErrorCode::kCorruption, "/n/IDENTITY: checksum does not match"}));
    }
  }
}

TEST(Identity, IdsAreShownAsSixteenDigits) {
  EXPECT_EQ(FormatId(0xC0FFEE00C0FFEE), "00c0ffee00c0ffee");
}

}  // namespace
}  // namespace firn
