// SPDX-License-Identifier: Apache-2.0
#include "storage/version/superblock.h"

#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kSuperSlotMagic = "FIRNSUPR";
constexpr std::uint32_t kSuperSlotVersion = 1;
constexpr std::size_t kFieldBytes = 8 + 4 + 4 + 8 + 8 + 8;

// The index is part of the checksum: a slot copied over the other one is not valid.
std::uint32_t Checksum(std::string_view fields, std::size_t slot_index) {
  return Crc32c(fields, static_cast<std::uint32_t>(slot_index));
}

}  // namespace

std::string Encode(const SuperSlot& slot, std::size_t slot_index) {
  std::string out(kSuperSlotMagic);
  PutLittle(out, kSuperSlotVersion);
  PutLittle(out, std::uint32_t{0});  // Feature bits.
  PutLittle(out, slot.generation);
  PutLittle(out, slot.durable.manifest.value);
  PutLittle(out, slot.durable.edit);
  PutLittle(out, Checksum(out, slot_index));
  out.resize(kSuperSlotBytes, '\0');
  return out;
}

Result<std::optional<SuperSlot>> DecodeSuperSlot(std::string_view bytes, std::size_t slot_index) {
  Decoder in(bytes);
  const std::string_view magic = in.Bytes(kSuperSlotMagic.size());
  const auto version = in.Little<std::uint32_t>();
  const auto features = in.Little<std::uint32_t>();
  SuperSlot slot;
  slot.generation = in.Little<std::uint64_t>();
  slot.durable.manifest = {in.Little<std::uint64_t>()};
  slot.durable.edit = in.Little<std::uint64_t>();
  const auto checksum = in.Little<std::uint32_t>();
  if (!in.ok() || magic != kSuperSlotMagic ||
      checksum != Checksum(bytes.substr(0, kFieldBytes), slot_index)) {
    return std::optional<SuperSlot>();
  }
  if (version != kSuperSlotVersion || features != 0) {
    return Error{ErrorCode::kUnsupported,
                 "SUPER: format version " + std::to_string(version) + " with features " +
                     std::to_string(features) + ", this program reads version " +
                     std::to_string(kSuperSlotVersion) + " without features"};
  }
  return std::optional(slot);
}

Result<SuperSlot> Superblock::Read(FileSystem& files, const std::string& directory) {
  FIRN_TRY_ASSIGN(const std::string bytes,
                  ReadWholeFile(files, JoinPath(directory, kSuperFileName)));
  std::optional<SuperSlot> newest;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string_view all = bytes;
    FIRN_TRY_ASSIGN(
        const std::optional<SuperSlot> slot,
        DecodeSuperSlot(all.substr(std::min(all.size(), i * kSuperSlotBytes), kSuperSlotBytes), i));
    if (slot && (!newest || slot->generation > newest->generation)) {
      newest = slot;
    }
  }
  if (!newest) {
    return Error{ErrorCode::kCorruption,
                 JoinPath(directory, kSuperFileName) + ": neither slot has a right checksum"};
  }
  return *newest;
}

Result<std::unique_ptr<Superblock>> Superblock::Open(FileSystem& files,
                                                     const std::string& directory,
                                                     const SuperSlot& last) {
  FIRN_TRY_ASSIGN(std::unique_ptr<SlottedFile> file,
                  files.OpenSlotted(JoinPath(directory, kSuperFileName)));
  return std::unique_ptr<Superblock>(new Superblock(std::move(file), last));
}

Result<void> Superblock::Write(ManifestPosition durable) {
  const SuperSlot next{.generation = last_.generation + 1, .durable = durable};
  const std::size_t slot_index = next.generation % 2;
  FIRN_TRY(file_->Write(slot_index * kSuperSlotBytes, Encode(next, slot_index)));
  FIRN_TRY(file_->Sync());
  last_ = next;
  return {};
}

}  // namespace firn
