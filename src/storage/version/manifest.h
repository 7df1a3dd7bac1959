// SPDX-License-Identifier: Apache-2.0
//
// The manifest is the log of version edits (docs/format/manifest.md): a header, then frames, each
// with a checksum that covers the manifest's number and the frame's offset. The first frame is a
// snapshot of everything; each later one is synced before anything that it makes unneeded is
// deleted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"
#include "firn/result.h"
#include "io/file_system.h"
#include "storage/version/version_edit.h"
#include "storage/wal/log.h"

namespace firn {

// "MANIFEST-000003"
std::string ManifestFileName(ManifestNumber number);
// The number in such a name; nothing for any other.
std::optional<ManifestNumber> ParseManifestName(std::string_view file_name);

// The bytes of a manifest's header, and of a frame that starts at `offset`.
std::string EncodeManifestHeader(ManifestNumber number);
std::string EncodeManifestFrame(ManifestNumber number, std::uint64_t offset,
                                std::string_view encoded_edit);

struct ManifestContent {
  std::vector<VersionEdit> edits;
  std::uint64_t valid_bytes = 0;  // Header and whole frames; what follows is a torn tail.
};

// Takes a manifest file apart. Stops at the first frame that is not whole: whether that is a torn
// tail or damage is for the caller, who knows how many edits were durable. kCorruption for a bad
// header, kUnsupported for a version or field that is unknown.
Result<ManifestContent> ParseManifest(std::string_view bytes, ManifestNumber number);

// Reads the file of `durable.manifest`. kCorruption, naming file and offset, when it holds fewer
// edits than were durable.
Result<ManifestContent> ReadManifest(FileSystem& files, const std::string& directory,
                                     ManifestPosition durable);

class ManifestWriter {
 public:
  // Makes the file with `snapshot` as its first edit and syncs it and its directory.
  static Result<std::unique_ptr<ManifestWriter>> Create(FileSystem& files,
                                                        const std::string& directory,
                                                        ManifestNumber number,
                                                        const VersionEdit& snapshot);

  // Appends and syncs one edit. After an error the manifest must not be used again.
  Result<void> Append(const VersionEdit& edit);

  ManifestPosition position() const { return position_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t snapshot_bytes() const { return snapshot_bytes_; }

 private:
  ManifestWriter(std::unique_ptr<AppendableFile> file, ManifestNumber number)
      : file_(std::move(file)), position_{.manifest = number, .edit = 0} {}

  const std::unique_ptr<AppendableFile> file_;
  ManifestPosition position_;
  std::uint64_t bytes_ = 0;
  std::uint64_t snapshot_bytes_ = 0;
};

}  // namespace firn
