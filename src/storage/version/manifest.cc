// SPDX-License-Identifier: Apache-2.0
#include "storage/version/manifest.h"

#include <charconv>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kNamePrefix = "MANIFEST-";
constexpr std::string_view kManifestMagic = "FIRNMANI";
constexpr std::uint32_t kManifestVersion = 1;
constexpr std::size_t kHeaderBytes = 8 + 4 + 4 + 8 + 4;
constexpr std::size_t kFrameHeaderBytes = 4 + 4;

std::uint32_t FrameChecksum(ManifestNumber number, std::uint64_t offset,
                            std::string_view encoded_edit) {
  std::string place;
  PutLittle(place, number.value);
  PutLittle(place, offset);
  PutLittle(place, static_cast<std::uint32_t>(encoded_edit.size()));
  return Crc32c(encoded_edit, Crc32c(place));
}

Result<void> CheckHeader(Decoder& in, std::string_view bytes, ManifestNumber number) {
  const std::string name = ManifestFileName(number);
  const std::string_view magic = in.Bytes(kManifestMagic.size());
  const auto version = in.Little<std::uint32_t>();
  const auto features = in.Little<std::uint32_t>();
  const auto stored_number = in.Little<std::uint64_t>();
  const auto checksum = in.Little<std::uint32_t>();
  if (!in.ok() || magic != kManifestMagic ||
      checksum != Crc32c(bytes.substr(0, kHeaderBytes - 4))) {
    return Error{ErrorCode::kCorruption, name + " @0: bad header"};
  }
  if (version != kManifestVersion || features != 0) {
    return Error{ErrorCode::kUnsupported,
                 name + ": format version " + std::to_string(version) + " with features " +
                     std::to_string(features) + ", this program reads version " +
                     std::to_string(kManifestVersion) + " without features"};
  }
  if (stored_number != number.value) {
    return Error{ErrorCode::kCorruption,
                 name + " @0: holds the manifest " + std::to_string(stored_number)};
  }
  return {};
}

// The next whole frame's edit, or nothing at the end or at a frame that is not whole.
std::optional<std::string_view> TakeFrame(Decoder& in, ManifestNumber number,
                                          std::uint64_t offset) {
  const auto length = in.Little<std::uint32_t>();
  const auto checksum = in.Little<std::uint32_t>();
  const std::string_view encoded_edit = in.Bytes(length);
  if (!in.ok() || encoded_edit.empty() || checksum != FrameChecksum(number, offset, encoded_edit)) {
    return std::nullopt;
  }
  return encoded_edit;
}

}  // namespace

std::string ManifestFileName(ManifestNumber number) {
  std::string digits = std::to_string(number.value);
  digits.insert(0, digits.size() < 6 ? 6 - digits.size() : 0, '0');
  return std::string(kNamePrefix) + digits;
}

std::optional<ManifestNumber> ParseManifestName(std::string_view file_name) {
  if (!file_name.starts_with(kNamePrefix)) {
    return std::nullopt;
  }
  const std::string_view digits = file_name.substr(kNamePrefix.size());
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const ManifestNumber number{value};
  const bool whole = parsed.ec == std::errc() && ManifestFileName(number) == file_name;
  return whole ? std::optional(number) : std::nullopt;
}

std::string EncodeManifestHeader(ManifestNumber number) {
  std::string out(kManifestMagic);
  PutLittle(out, kManifestVersion);
  PutLittle(out, std::uint32_t{0});  // Feature bits.
  PutLittle(out, number.value);
  PutLittle(out, Crc32c(out));
  return out;
}

std::string EncodeManifestFrame(ManifestNumber number, std::uint64_t offset,
                                std::string_view encoded_edit) {
  std::string out;
  PutLittle(out, static_cast<std::uint32_t>(encoded_edit.size()));
  PutLittle(out, FrameChecksum(number, offset, encoded_edit));
  return out.append(encoded_edit);
}

Result<ManifestContent> ParseManifest(std::string_view bytes, ManifestNumber number) {
  Decoder in(bytes);
  FIRN_TRY(CheckHeader(in, bytes, number));
  ManifestContent content{.edits = {}, .valid_bytes = kHeaderBytes};
  while (const auto encoded_edit = TakeFrame(in, number, content.valid_bytes)) {
    Result<VersionEdit> edit = DecodeVersionEdit(*encoded_edit);
    if (!edit) {
      return Error{edit.error().code, ManifestFileName(number) + " @" +
                                          std::to_string(content.valid_bytes) + ": " +
                                          edit.error().context};
    }
    content.edits.push_back(*std::move(edit));
    content.valid_bytes += kFrameHeaderBytes + encoded_edit->size();
  }
  return content;
}

Result<ManifestContent> ReadManifest(FileSystem& files, const std::string& directory,
                                     ManifestPosition durable) {
  const std::string path = JoinPath(directory, ManifestFileName(durable.manifest));
  Result<std::string> bytes = ReadWholeFile(files, path);
  if (!bytes) {
    const bool missing = bytes.error().code == ErrorCode::kNotFound;
    return missing ? Error{ErrorCode::kCorruption, path + ": named by SUPER but not there"}
                   : bytes.error();
  }
  FIRN_TRY_ASSIGN(ManifestContent content, ParseManifest(*bytes, durable.manifest));
  if (content.edits.size() < durable.edit) {
    return Error{ErrorCode::kCorruption, path + " @" + std::to_string(content.valid_bytes) +
                                             ": damaged after " +
                                             std::to_string(content.edits.size()) + " edits, " +
                                             std::to_string(durable.edit) + " were durable"};
  }
  return content;
}

Result<std::unique_ptr<ManifestWriter>> ManifestWriter::Create(FileSystem& files,
                                                               const std::string& directory,
                                                               ManifestNumber number,
                                                               const VersionEdit& snapshot) {
  FIRN_TRY_ASSIGN(std::unique_ptr<AppendableFile> file,
                  files.CreateAppendable(JoinPath(directory, ManifestFileName(number))));
  std::unique_ptr<ManifestWriter> writer(new ManifestWriter(std::move(file), number));
  const std::string header = EncodeManifestHeader(number);
  FIRN_TRY(writer->file_->Append(header));
  writer->bytes_ = header.size();
  FIRN_TRY(writer->Append(snapshot));
  writer->snapshot_bytes_ = writer->bytes_;
  FIRN_TRY(files.SyncDirectory(directory));
  return writer;
}

Result<void> ManifestWriter::Append(const VersionEdit& edit) {
  const std::string encoded_edit = Encode(edit);
  const std::string frame = EncodeManifestFrame(position_.manifest, bytes_, encoded_edit);
  FIRN_TRY(file_->Append(frame));
  FIRN_TRY(file_->Sync());
  bytes_ += frame.size();
  ++position_.edit;
  return {};
}

}  // namespace firn
