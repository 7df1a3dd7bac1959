// SPDX-License-Identifier: Apache-2.0
#include "replica/ballot.h"

#include <gtest/gtest.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "io/faulty_file_system.h"
#include "io/memory_file_system.h"

namespace firn {
namespace {

constexpr const char* kPath = "/n/VOTE";

class BallotTest : public testing::Test {
 protected:
  BallotTest() { files_.CreateDirectory("/n").value(); }

  MemoryFileSystem files_;
};

TEST_F(BallotTest, RemembersTheLastVoteAcrossPowerLoss) {
  auto file = BallotFile::Create(files_, "/n", {}).value();
  EXPECT_EQ(file->ballot(), Ballot());
  Random random(1);
  for (std::uint64_t term = 1; term <= 5; ++term) {
    const Ballot ballot{.term = {term}, .vote = {term % 3}, .store = 1};
    file->Write(ballot).value();
    const auto after = files_.CloneAfterPowerLoss(random, 0);
    EXPECT_EQ(BallotFile::Open(*after, "/n").value()->ballot(), ballot);
  }
}

TEST_F(BallotTest, ATornWriteLeavesTheBallotBefore) {
  auto file = BallotFile::Create(files_, "/n", {}).value();
  file->Write({.term = {1}, .vote = {2}, .store = 1}).value();
  const std::string before = ReadWholeFile(files_, kPath).value();
  file->Write({.term = {7}, .vote = {3}, .store = 1}).value();
  const std::string after = ReadWholeFile(files_, kPath).value();
  for (std::size_t torn = 0; torn < before.size(); ++torn) {
    if (before[torn] == after[torn]) {
      continue;
    }
    std::string bytes = after;
    bytes[torn] = before[torn];
    files_.SetContent(kPath, bytes);
    EXPECT_EQ(BallotFile::Open(files_, "/n").value()->ballot().term, (Term{1})) << torn;
  }
}

TEST_F(BallotTest, DamageToBothSlotsAndAMissingFileAreNotAFreshStart) {
  auto file = BallotFile::Create(files_, "/n", {}).value();
  file->Write({.term = {9}, .vote = {1}, .store = 1}).value();
  std::string bytes = ReadWholeFile(files_, kPath).value();
  bytes[20] ^= 1;
  bytes[kBallotSlotBytes + 20] ^= 1;
  files_.SetContent(kPath, bytes);
  EXPECT_EQ(BallotFile::Open(files_, "/n").error().code, ErrorCode::kCorruption);
  EXPECT_EQ(BallotFile::Create(files_, "/n", {}).error().code, ErrorCode::kAlreadyExists);
  file.reset();
  files_.Delete(kPath).value();
  EXPECT_EQ(
      BallotFile::Open(files_, "/n").error(),
      (Error{ErrorCode::kCorruption, "/n/VOTE: missing, and with it the votes of this node"}));
}

TEST_F(BallotTest, ANewerVersionIsRefusedByName) {
  BallotFile::Create(files_, "/n", {}).value();
  std::string bytes = Encode(BallotSlot{.generation = 1, .ballot = {{1}, {1}, 1}}, 1);
  bytes[8] = 2;
  const std::uint32_t crc = Crc32c(std::string_view(bytes).substr(0, 48), 1);
  StoreLittle(bytes.data() + 48, crc);
  EXPECT_EQ(DecodeBallotSlot(bytes, 1).error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(DecodeBallotSlot(bytes, 0).value()) << "a slot copied over the other";
}

TEST_F(BallotTest, AFailedSyncIsAnError) {
  const auto memory = std::make_shared<MemoryFileSystem>();
  FaultyFileSystem faulty(memory);
  faulty.CreateDirectory("/n").value();
  auto file = BallotFile::Create(faulty, "/n", {}).value();
  faulty.Plant({.kind = OperationKind::kSync});
  EXPECT_FALSE(file->Write({.term = {2}, .vote = {1}, .store = 1}));
}

}  // namespace
}  // namespace firn
