// SPDX-License-Identifier: Apache-2.0
#include "replica/identity.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kMagic = "FIRNNODE";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kFieldBytes = 8 + 4 + 4 + 8 + 8 + 8;

}  // namespace

std::string Encode(const Identity& identity) {
  std::string out(kMagic);
  PutLittle(out, kFormatVersion);
  PutLittle(out, std::uint32_t{0});  // Feature bits.
  PutLittle(out, identity.cluster);
  PutLittle(out, identity.node.value);
  PutLittle(out, identity.directory);
  PutLittle(out, Crc32c(out));
  return out;
}

Result<Identity> DecodeIdentity(std::string_view bytes) {
  Decoder in(bytes);
  const std::string_view magic = in.Bytes(kMagic.size());
  const auto version = in.Little<std::uint32_t>();
  const auto features = in.Little<std::uint32_t>();
  Identity identity;
  identity.cluster = in.Little<std::uint64_t>();
  identity.node = {in.Little<std::uint64_t>()};
  identity.directory = in.Little<std::uint64_t>();
  const auto checksum = in.Little<std::uint32_t>();
  if (!in.ok() || !in.done() || magic != kMagic ||
      checksum != Crc32c(bytes.substr(0, kFieldBytes))) {
    return Error{ErrorCode::kCorruption, "checksum does not match"};
  }
  if (version != kFormatVersion || features != 0) {
    return Error{ErrorCode::kUnsupported, "format version " + std::to_string(version) +
                                              " with features " + std::to_string(features) +
                                              ", this program reads version " +
                                              std::to_string(kFormatVersion) + " without features"};
  }
  return identity;
}

Result<Identity> ReadIdentity(FileSystem& files, const std::string& directory) {
  const std::string path = JoinPath(directory, kIdentityFileName);
  FIRN_TRY_ASSIGN(const std::string bytes, ReadWholeFile(files, path));
  Result<Identity> identity = DecodeIdentity(bytes);
  if (!identity) {
    return Error{identity.error().code, path + ": " + identity.error().context};
  }
  return identity;
}

Result<void> WriteIdentity(FileSystem& files, const std::string& directory,
                           const Identity& identity) {
  FIRN_TRY_ASSIGN(const auto file, files.CreateAppendable(JoinPath(directory, kIdentityFileName)));
  FIRN_TRY(file->Append(Encode(identity)));
  FIRN_TRY(file->Sync());
  FIRN_TRY(file->Close());
  return files.SyncDirectory(directory);
}

std::string FormatId(std::uint64_t id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) {
    text += kDigits[id >> shift & 0xF];
  }
  return text;
}

}  // namespace firn
