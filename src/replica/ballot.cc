// SPDX-License-Identifier: Apache-2.0
#include "replica/ballot.h"

#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kMagic = "FIRNVOTE";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kFieldBytes = 8 + 4 + 4 + 8 + 8 + 8 + 8;

// The index is part of the checksum: a slot copied over the other one is not valid.
std::uint32_t Checksum(std::string_view fields, std::size_t slot_index) {
  return Crc32c(fields, static_cast<std::uint32_t>(slot_index));
}

Result<BallotSlot> ReadNewest(FileSystem& files, const std::string& path) {
  FIRN_TRY_ASSIGN(const std::string bytes, ReadWholeFile(files, path));
  std::optional<BallotSlot> newest;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t at = std::min(bytes.size(), i * kBallotSlotBytes);
    FIRN_TRY_ASSIGN(const std::optional<BallotSlot> slot,
                    DecodeBallotSlot(std::string_view(bytes).substr(at, kBallotSlotBytes), i));
    if (slot && (!newest || slot->generation > newest->generation)) {
      newest = slot;
    }
  }
  if (!newest) {
    return Error{ErrorCode::kCorruption, path + ": neither slot has a right checksum"};
  }
  return *newest;
}

}  // namespace

std::string Encode(const BallotSlot& slot, std::size_t slot_index) {
  std::string out(kMagic);
  PutLittle(out, kFormatVersion);
  PutLittle(out, std::uint32_t{0});  // Feature bits.
  PutLittle(out, slot.generation);
  PutLittle(out, slot.ballot.term.value);
  PutLittle(out, slot.ballot.vote.value);
  PutLittle(out, slot.ballot.store);
  PutLittle(out, Checksum(out, slot_index));
  out.resize(kBallotSlotBytes, '\0');
  return out;
}

Result<std::optional<BallotSlot>> DecodeBallotSlot(std::string_view bytes, std::size_t slot_index) {
  Decoder in(bytes);
  const std::string_view magic = in.Bytes(kMagic.size());
  const auto version = in.Little<std::uint32_t>();
  const auto features = in.Little<std::uint32_t>();
  BallotSlot slot;
  slot.generation = in.Little<std::uint64_t>();
  slot.ballot.term = {in.Little<std::uint64_t>()};
  slot.ballot.vote = {in.Little<std::uint64_t>()};
  slot.ballot.store = in.Little<std::uint64_t>();
  const auto checksum = in.Little<std::uint32_t>();
  if (!in.ok() || magic != kMagic ||
      checksum != Checksum(bytes.substr(0, kFieldBytes), slot_index)) {
    return std::optional<BallotSlot>();
  }
  if (version != kFormatVersion || features != 0) {
    return Error{ErrorCode::kUnsupported, "VOTE: format version " + std::to_string(version) +
                                              " with features " + std::to_string(features) +
                                              ", this program reads version " +
                                              std::to_string(kFormatVersion) + " without features"};
  }
  return std::optional(slot);
}

// Both slots are written, so that a slot without a checksum is damaged and never a new file.
Result<std::unique_ptr<BallotFile>> BallotFile::Create(FileSystem& files,
                                                       const std::string& directory,
                                                       const Ballot& ballot) {
  const std::string path = JoinPath(directory, kBallotFileName);
  if (const auto present = files.OpenReadable(path); present) {
    return Error{ErrorCode::kAlreadyExists, path};
  }
  FIRN_TRY_ASSIGN(std::unique_ptr<SlottedFile> file, files.OpenSlotted(path));
  std::unique_ptr<BallotFile> made(new BallotFile(std::move(file), {}));
  FIRN_TRY(made->Write(ballot));
  FIRN_TRY(made->Write(ballot));
  FIRN_TRY(files.SyncDirectory(directory));
  return made;
}

Result<std::unique_ptr<BallotFile>> BallotFile::Open(FileSystem& files,
                                                     const std::string& directory) {
  const std::string path = JoinPath(directory, kBallotFileName);
  Result<BallotSlot> newest = ReadNewest(files, path);
  if (!newest && newest.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kCorruption, path + ": missing, and with it the votes of this node"};
  }
  FIRN_TRY_ASSIGN(const BallotSlot last, std::move(newest));
  FIRN_TRY_ASSIGN(std::unique_ptr<SlottedFile> file, files.OpenSlotted(path));
  return std::unique_ptr<BallotFile>(new BallotFile(std::move(file), last));
}

Result<void> BallotFile::Write(const Ballot& ballot) {
  const BallotSlot next{.generation = last_.generation + 1, .ballot = ballot};
  const std::size_t slot_index = next.generation % 2;
  FIRN_TRY(file_->Write(slot_index * kBallotSlotBytes, Encode(next, slot_index)));
  FIRN_TRY(file_->Sync());
  last_ = next;
  return {};
}

}  // namespace firn
