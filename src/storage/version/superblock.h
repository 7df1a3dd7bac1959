// SPDX-License-Identifier: Apache-2.0
//
// SUPER names the current manifest and says how many of its edits are durable. It has two slots,
// written in turn, each with a generation and a checksum, so that a torn write leaves the other one
// (docs/format/manifest.md). No file is ever renamed into place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong_id.h"
#include "firn/result.h"
#include "io/file_system.h"
#include "storage/wal/log.h"

namespace firn {

inline constexpr std::string_view kSuperFileName = "SUPER";
inline constexpr std::size_t kSuperSlotBytes = 4096;

struct SuperSlot {
  std::uint64_t generation = 0;
  ManifestPosition durable;  // The manifest must hold at least so many edits.

  friend bool operator==(const SuperSlot&, const SuperSlot&) = default;
};

// One slot as it stands on disk, kSuperSlotBytes long.
std::string Encode(const SuperSlot& slot, std::size_t slot_index);
// Nothing when the checksum is wrong; kUnsupported when a newer version wrote it.
Result<std::optional<SuperSlot>> DecodeSuperSlot(std::string_view bytes, std::size_t slot_index);

class Superblock {
 public:
  // Reads both slots. kNotFound when there is no SUPER, kCorruption when no slot is good.
  static Result<SuperSlot> Read(FileSystem& files, const std::string& directory);

  // Opens SUPER for writing, making it if there is none; `last` is the newest slot read, if any.
  static Result<std::unique_ptr<Superblock>> Open(FileSystem& files, const std::string& directory,
                                                  const SuperSlot& last);

  // Makes `durable` the position that counts. Blocks on the disk. kIo, kNoSpace. One thread at a
  // time.
  Result<void> Write(ManifestPosition durable);

 private:
  Superblock(std::unique_ptr<SlottedFile> file, const SuperSlot& last)
      : file_(std::move(file)), last_(last) {}

  const std::unique_ptr<SlottedFile> file_;
  SuperSlot last_;
};

}  // namespace firn
